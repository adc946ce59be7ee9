#include "train/gemm.h"

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/checked.h"

extern "C" void sgemm_(const char* transa, const char* transb, const int* m, const int* n,
                       const int* k, const float* alpha, const float* a, const int* lda,
                       const float* b, const int* ldb, const float* beta, float* c, const int* ldc);

namespace onebit {

void gemm_serial(Transpose ta, Transpose tb, int64_t m, int64_t n, int64_t k, float alpha,
                 const float* a, int64_t lda, const float* b, int64_t ldb, float beta, float* c,
                 int64_t ldc) {
  if (m == 0 || n == 0) return;
  // BLAS is column-major: it sees our row-major c as c^T = op(b)^T op(a)^T.
  const char first = tb == Transpose::kYes ? 'T' : 'N';
  const char second = ta == Transpose::kYes ? 'T' : 'N';
  const int rows = static_cast<int>(n), cols = static_cast<int>(m), inner = static_cast<int>(k);
  const int ld_first = static_cast<int>(ldb), ld_second = static_cast<int>(lda);
  const int ld_out = static_cast<int>(ldc);
  sgemm_(&first, &second, &rows, &cols, &inner, &alpha, b, &ld_first, a, &ld_second, &beta, c,
         &ld_out);
}

void gemm(ThreadPool& pool, Transpose ta, Transpose tb, int64_t m, int64_t n, int64_t k,
          const float* a, const float* b, float beta, float* c) {
  const bool a_transposed = ta == Transpose::kYes, b_transposed = tb == Transpose::kYes;
  const int64_t lda = a_transposed ? m : k, ldb = b_transposed ? k : n;
  // Cut the longer side, in as few parts as there are threads, since a BLAS packs its operands anew
  // in each; borders at multiples of 16 suit every BLAS's register tile.
  const int64_t step = round_up(ceil_div(std::max(m, n), pool.size()), 16);
  if (m >= n) {
    pool.parallel_for(m, step, [&](int64_t begin, int64_t end) {
      gemm_serial(ta, tb, end - begin, n, k, 1, a + (a_transposed ? begin : begin * lda), lda, b,
                  ldb, beta, c + begin * n, n);
    });
  } else {
    pool.parallel_for(n, step, [&](int64_t begin, int64_t end) {
      gemm_serial(ta, tb, m, end - begin, k, 1, a, lda, b + (b_transposed ? begin * ldb : begin),
                  ldb, beta, c + begin, n);
    });
  }
}

void set_blas_single_threaded() {
  // By name: libblas.so.3 may be any of the distribution's BLAS libraries.
  for (const char* name :
       {"openblas_set_num_threads", "bli_thread_set_num_threads", "MKL_Set_Num_Threads"}) {
    void* symbol = dlsym(RTLD_DEFAULT, name);
    if (symbol == nullptr) continue;
    if (name[0] == 'b') {
      reinterpret_cast<void (*)(int64_t)>(symbol)(1);
    } else {
      reinterpret_cast<void (*)(int)>(symbol)(1);
    }
  }
}

double blas_gflops() {
  constexpr int64_t n = 256;
  std::vector<float> a(n * n, 1.0f), b(n * n, 1.0f), c(n * n);
  double best = 0;
  for (int i = 0; i < 4; ++i) {  // the first run warms up
    const auto start = std::chrono::steady_clock::now();
    gemm_serial(Transpose::kNo, Transpose::kNo, n, n, n, 1, a.data(), n, b.data(), n, 0, c.data(),
                n);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2e-9 * n * n * n / seconds.count());
  }
  return best;
}

}  // namespace onebit
