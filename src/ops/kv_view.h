// Where a sequence's keys and values lie, as operators see it.
#pragma once

#include <cstdint>

namespace onebit {

// f32 keys and values of one layer: position p at k + p * row (row = n_kv_heads * head_dim).
struct KvLayer {
  float* k;
  float* v;
  int64_t row;
};

// All layers of one sequence: `length` positions are filled, `capacity` fit.
struct KvView {
  float* k;  // [n_layers][capacity][row]
  float* v;
  int64_t row;
  int64_t capacity;
  int64_t length;

  KvLayer layer(int64_t l) const { return {k + l * capacity * row, v + l * capacity * row, row}; }
};

}  // namespace onebit
