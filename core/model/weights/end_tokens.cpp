#include "core/model/weights/end_tokens.hpp"

#include <algorithm>
#include <string_view>

namespace cogent::model {

std::vector<std::int32_t> end_token_ids(std::int32_t eos_id, std::span<const std::string> tokens) {
  std::vector<std::int32_t> ids;
  if (eos_id >= 0) {
    ids.push_back(eos_id);
  }
  for (const std::string_view name : {"<|im_end|>", "<|eot_id|>", "<|endoftext|>"}) {
    const auto place = std::find(tokens.begin(), tokens.end(), name);
    const auto id = static_cast<std::int32_t>(place - tokens.begin());
    if (place != tokens.end() && std::find(ids.begin(), ids.end(), id) == ids.end()) {
      ids.push_back(id);
    }
  }
  return ids;
}

}  // namespace cogent::model
