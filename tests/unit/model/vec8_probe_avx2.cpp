#include "core/model/kernels/cpu/vec8.hpp"
#include "tests/unit/model/vec8_probe.hpp"

namespace cogent::model::testing {

void vector_exponentials(const float* x, std::int64_t count, float* y) {
  for (std::int64_t i = 0; i < count; i += cpu::kLanes) {
    cpu::store(y + i, cpu::exp(cpu::load(x + i)));
  }
}

}  // namespace cogent::model::testing
