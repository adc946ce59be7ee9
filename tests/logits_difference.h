// How far two sets of logits [tokens, vocab] are apart.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace onebit::testing {

struct Difference {
  double max_abs = 0;
  double rms = 0;
  double min_cosine = 1;  // of a row
  double median_row = 0;  // median over rows of the largest difference in a row
};

inline Difference compare(const std::vector<float>& a, const std::vector<float>& b,
                          std::size_t vocab) {
  Difference d;
  std::vector<double> rows;
  for (std::size_t row = 0; row < a.size(); row += vocab) {
    double ab = 0, aa = 0, bb = 0, worst = 0;
    for (std::size_t i = row; i < row + vocab; ++i) {
      const double delta = std::fabs(static_cast<double>(a[i]) - b[i]);
      worst = std::max(worst, delta);
      d.rms += delta * delta;
      ab += static_cast<double>(a[i]) * b[i];
      aa += static_cast<double>(a[i]) * a[i];
      bb += static_cast<double>(b[i]) * b[i];
    }
    rows.push_back(worst);
    d.max_abs = std::max(d.max_abs, worst);
    d.min_cosine = std::min(d.min_cosine, ab / std::sqrt(aa * bb));
  }
  d.rms = std::sqrt(d.rms / static_cast<double>(a.size()));
  const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
  std::nth_element(rows.begin(), middle, rows.end());
  d.median_row = *middle;
  return d;
}

}  // namespace onebit::testing
