#include "ops/context.h"

#include "kernels/dispatch.h"

namespace onebit {

const Kernels& select_kernels(const std::string& isa) {
  return isa.empty() ? default_kernels() : find_kernels(isa);
}

}  // namespace onebit
