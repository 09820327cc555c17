#include "core/model/kernels/cpu/cpu.hpp"
#include "core/model/kernels/reference/reference.hpp"
#include "core/model/ops/ops.hpp"

namespace cogent::model {
namespace {

constexpr OpTable reference_table(const char* name, at::ScalarType activations) {
  return {
      .name = name,
      .activations = activations,
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
      .row_logprob = reference::row_logprob,
      .reads_panels = false,
  };
}

}  // namespace

const OpTable& reference_ops() {
  static constexpr OpTable table = reference_table("reference", at::kFloat);
  return table;
}

const OpTable& cpu_ops(at::ScalarType activations) {
  static constexpr OpTable bfloat16 = reference_table("reference bfloat16", at::kBFloat16);
  static constexpr OpTable avx2 = {
      .name = "avx2",
      .activations = at::kFloat,
      .embedding = cpu::embedding,
      .embedding_backward = reference::embedding_backward,
      .linear = cpu::linear,
      .linear_backward = cpu::linear_backward,
      .rmsnorm = cpu::rmsnorm,
      .rmsnorm_backward = cpu::rmsnorm_backward,
      .rope = cpu::rope,
      .rope_backward = cpu::rope_backward,
      .swiglu = cpu::swiglu,
      .swiglu_backward = cpu::swiglu_backward,
      .span_attention = cpu::span_attention,
      .span_attention_backward = cpu::span_attention_backward,
      .token_logprob = cpu::token_logprob,
      .token_logprob_backward = cpu::token_logprob_backward,
      .row_logprob = cpu::row_logprob,
      .reads_panels = true,
  };
  if (activations == at::kBFloat16) {
    return bfloat16;
  }
  const bool supported = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return supported ? avx2 : reference_ops();
}

bool cpu_multiplies_bfloat16() {
  return __builtin_cpu_supports("avx512bf16");
}

}  // namespace cogent::model
