#include "core/model/huge_pages.hpp"

#include <ATen/ops/empty.h>

#include <cstdint>
#include <sys/mman.h>
#include <unistd.h>

namespace cogent::model {

at::Tensor zeros_on_huge_pages(at::IntArrayRef size, at::ScalarType type) {
  at::Tensor tensor = at::empty(size, at::TensorOptions().dtype(type));
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(tensor.mutable_data_ptr());
  const std::uintptr_t end = (begin + tensor.nbytes()) / page * page;
  const std::uintptr_t first = (begin + page - 1) / page * page;
  if (first < end) {
    // Before the first touch. A refusal leaves small pages, which are as good but for speed.
    madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
  }
  return tensor.zero_();
}

}  // namespace cogent::model
