#include "core/model/block_layout.hpp"

#include <iterator>

namespace cogent::model {

BlockLayout block_layout(const ModelConfig& config, const LoraConfig& lora) {
  std::size_t next = 0;
  const auto linear = [&](bool has_bias) {
    LinearLayout layout{.weight = next++};
    if (has_bias) {
      layout.bias = next++;
    }
    return layout;
  };
  BlockLayout layout;
  layout.input_norm = next++;
  layout.q = linear(config.qkv_bias);
  layout.k = linear(config.qkv_bias);
  layout.v = linear(config.qkv_bias);
  if (config.qk_norm) {
    layout.q_norm = next++;
    layout.k_norm = next++;
  }
  layout.o = linear(config.o_bias);
  layout.post_norm = next++;
  layout.gate = linear(config.mlp_bias);
  layout.up = linear(config.mlp_bias);
  layout.down = linear(config.mlp_bias);
  LinearLayout* const linears[] = {&layout.q,    &layout.k,  &layout.v,   &layout.o,
                                   &layout.gate, &layout.up, &layout.down};
  for (std::size_t i = 0; i < std::size(linears); ++i) {
    if (lora.on() && lora.targets[i]) {
      linears[i]->lora_a = next++;
      linears[i]->lora_b = next++;
    }
  }
  return layout;
}

}  // namespace cogent::model
