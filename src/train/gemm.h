// Float matrix products for the backward pass and the float layers: BLAS, cut over our own threads.
//
// BLAS itself runs one thread a call: a second pool (OpenBLAS's, or OpenMP's under torch) would
// spin against ours. One pool also fixes how a product is cut, so a run repeats bit for bit.
#pragma once

#include <cstdint>

#include "base/thread_pool.h"

namespace onebit {

enum class Transpose : bool { kNo, kYes };

// Row-major: c [m, n] = alpha * op(a) [m, k] * op(b) [k, n] + beta * c. lda, ldb, ldc are the
// distances between stored rows. This one runs on the calling thread only (use it in a pool's
// body).
void gemm_serial(Transpose ta, Transpose tb, int64_t m, int64_t n, int64_t k, float alpha,
                 const float* a, int64_t lda, const float* b, int64_t ldb, float beta, float* c,
                 int64_t ldc);

// The same with the rows or the columns of c shared out over the pool, dense rows.
void gemm(ThreadPool& pool, Transpose ta, Transpose tb, int64_t m, int64_t n, int64_t k,
          const float* a, const float* b, float beta, float* c);

// Makes BLAS run each call on the caller's thread. Call once before training; without effect on a
// BLAS that has no such switch.
void set_blas_single_threaded();

// Speed of one 256^3 product in GFLOP/s, best of three. The reference BLAS gives below 10 on CPUs
// where an optimised one gives above 50.
double blas_gflops();

}  // namespace onebit
