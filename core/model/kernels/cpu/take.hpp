#pragma once

#include <cstdint>

namespace cogent::model::cpu {

// The next number of a counter that all threads of a parallel region share.
static inline std::int64_t take(std::int64_t& counter) {
  std::int64_t mine;
#pragma omp atomic capture
  mine = counter++;
  return mine;
}

}  // namespace cogent::model::cpu
