#include "core/model/kernels/reference/reference.hpp"

#include <ATen/ops/index_add.h>
#include <ATen/ops/index_select.h>

namespace cogent::model::reference {

at::Tensor embedding(const at::Tensor& table, const at::Tensor& ids) {
  return at::index_select(table, 0, ids);
}

void embedding_backward(const at::Tensor& dout, const at::Tensor& ids, at::Tensor& dtable) {
  if (dtable.defined()) {
    dtable.index_add_(0, ids, dout.to(dtable.scalar_type()));
  }
}

}  // namespace cogent::model::reference
