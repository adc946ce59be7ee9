// What tests of readers share.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"

namespace onebit::testing {

// The message of the Error that `action` throws.
inline std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace onebit::testing
