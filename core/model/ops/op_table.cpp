#include "core/model/kernels/reference/reference.hpp"
#include "core/model/ops/ops.hpp"

namespace cogent::model {

const OpTable& reference_ops() {
  static constexpr OpTable table = {
      .name = "reference",
      .embedding = reference::embedding,
      .embedding_backward = reference::embedding_backward,
      .linear = reference::linear,
      .linear_backward = reference::linear_backward,
      .rmsnorm = reference::rmsnorm,
      .rmsnorm_backward = reference::rmsnorm_backward,
      .rope = reference::rope,
      .rope_backward = reference::rope_backward,
      .swiglu = reference::swiglu,
      .swiglu_backward = reference::swiglu_backward,
      .span_attention = reference::span_attention,
      .span_attention_backward = reference::span_attention_backward,
      .token_logprob = reference::token_logprob,
      .token_logprob_backward = reference::token_logprob_backward,
  };
  return table;
}

const OpTable& cpu_ops() {
  return reference_ops();
}

}  // namespace cogent::model
