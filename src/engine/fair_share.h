// How many of the places of a queue a tenant may hold.
#pragma once

#include <cstdint>

namespace onebit {

// Whether a tenant that holds `held` places may have n more, where n_tenants hold some or ask for
// some. One that holds none gets what it asks for, one that holds some an equal share at most. What
// others hold does not matter, only how many they are: nobody can take so much that another is
// refused. All together may hold more than n_places for it, but only as many tenants as have keys.
inline bool may_hold_more(int64_t held, int64_t n, int64_t n_tenants, int64_t n_places) {
  return held == 0 || held + n <= n_places / n_tenants;
}

}  // namespace onebit
