#pragma once

#include <ATen/core/Tensor.h>

namespace cogent::model {

// Zeros [size] for values that are read from end to end again and again, as weights are: on pages
// of 2 MB where the machine gives them on request. With pages of 4 KB every 64th cache line of a
// matrix product waits for an address translation.
at::Tensor zeros_on_huge_pages(at::IntArrayRef size, at::ScalarType type);

}  // namespace cogent::model
