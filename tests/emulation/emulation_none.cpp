#include "emulation/emulation.h"

namespace onebit {

bool emulate_missing_instructions() {
  return false;
}

}  // namespace onebit
