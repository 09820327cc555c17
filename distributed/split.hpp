#pragma once

#include <algorithm>
#include <cstdint>

namespace cogent::distributed {

// Calls part(offset, length) for consecutive parts of `count` values, none longer than `limit`: the
// one place where counts beyond an int, or beyond a good segment size, are split. No call for no
// values.
template <typename Part>
void for_each_part(std::int64_t count, std::int64_t limit, Part&& part) {
  for (std::int64_t offset = 0; offset < count; offset += limit) {
    part(offset, std::min(limit, count - offset));
  }
}

}  // namespace cogent::distributed
