// Whether this is a build with sanitizers, in which code is several times slower: tests that repeat
// themselves take fewer turns then.
#pragma once

namespace onebit {

#if defined(ONEBIT_SANITIZED)
inline constexpr bool kIsSanitized = true;
#else
inline constexpr bool kIsSanitized = false;
#endif

}  // namespace onebit
