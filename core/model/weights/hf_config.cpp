#include "core/model/weights/hf_config.hpp"

#include "core/base/error.hpp"
#include "core/text/json_member.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <limits>
#include <optional>

namespace cogent::model {
namespace {

namespace json = boost::json;
using text::find_member;
using text::flag_or;

// The members of one JSON object, typed. An Error begins with the object's place.
class Members {
 public:
  Members(const json::object& object, std::string where)
      : object_(object), where_(std::move(where)) {}

  const json::value* find(std::string_view key) const { return find_member(object_, key); }
  const std::string& where() const { return where_; }

  std::optional<std::int64_t> find_int(std::string_view key) const {
    const json::value* value = find(key);
    if (value == nullptr) {
      return std::nullopt;
    }
    if (!value->is_int64()) {
      refuse(key, *value, "an integer is needed");
    }
    return value->get_int64();
  }
  std::int64_t need_int(std::string_view key) const {
    const auto value = find_int(key);
    check(value.has_value(), ErrorCode::kModel, where_, ": \"", key, "\" is missing");
    return *value;
  }
  std::optional<double> find_number(std::string_view key) const {
    const json::value* value = find(key);
    if (value == nullptr) {
      return std::nullopt;
    }
    if (!value->is_number()) {
      refuse(key, *value, "a number is needed");
    }
    return value->to_number<double>();
  }
  double need_number(std::string_view key) const {
    const auto value = find_number(key);
    check(value.has_value(), ErrorCode::kModel, where_, ": \"", key, "\" is missing");
    return *value;
  }
  bool flag(std::string_view key) const { return flag_or(object_, key, false, where_); }
  // A token id; -1 where the key is absent or null.
  std::int32_t token_id(std::string_view key) const {
    const auto value = find_int(key);
    return value ? to_id(key, *value) : -1;
  }
  std::int32_t to_id(std::string_view key, std::int64_t value) const {
    check(value >= -1 && value <= std::numeric_limits<std::int32_t>::max(), ErrorCode::kModel,
          where_, ": \"", key, "\" is ", value, ", which is no token id");
    return static_cast<std::int32_t>(value);
  }
  [[noreturn]] void refuse(std::string_view key, const json::value& value,
                           const char* needed) const {
    fail(ErrorCode::kModel, where_, ": \"", key, "\" is ", json::serialize(value), "; ", needed);
  }

 private:
  const json::object& object_;
  std::string where_;
};

std::vector<std::int32_t> read_eos_ids(const Members& members) {
  constexpr std::string_view kKey = "eos_token_id";
  const json::value* value = members.find(kKey);
  std::vector<std::int32_t> ids;
  if (value == nullptr) {
    return ids;
  }
  if (!value->is_array()) {
    ids.push_back(members.token_id(kKey));
    return ids;
  }
  for (const json::value& id : value->get_array()) {
    if (!id.is_int64()) {
      members.refuse(kKey, *value, "an integer or a list of integers is needed");
    }
    ids.push_back(members.to_id(kKey, id.get_int64()));
  }
  return ids;
}

// The scaling of `rope_scaling` or `rope_parameters`: the same members in both.
RopeScaling read_rope_scaling(const Members& rope) {
  RopeScaling scaling;
  const json::value* type = rope.find("rope_type");
  const char* key = type != nullptr ? "rope_type" : "type";
  type = type != nullptr ? type : rope.find("type");
  if (type == nullptr) {
    return scaling;
  }
  const std::string_view name = type->is_string() ? std::string_view(type->get_string()) : "";
  if (name == "default") {
    return scaling;
  }
  if (name == "linear") {
    scaling.type = RopeScalingType::kLinear;
    scaling.factor = rope.need_number("factor");
  } else if (name == "llama3") {
    scaling.type = RopeScalingType::kLlama3;
    scaling.factor = rope.need_number("factor");
    scaling.low_freq_factor = rope.need_number("low_freq_factor");
    scaling.high_freq_factor = rope.need_number("high_freq_factor");
    scaling.original_max_positions = rope.need_int("original_max_position_embeddings");
  } else {
    rope.refuse(key, *type, "default, linear and llama3 are supported");
  }
  return scaling;
}

void read_rope(const Members& members, ModelConfig& config) {
  config.rope_theta = members.find_number("rope_theta").value_or(10000);
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    const json::value* value = members.find(key);
    if (value == nullptr) {
      continue;
    }
    const std::string where = members.where() + ": \"" + key + "\"";
    const Members rope(text::as_object(*value, where), where);
    config.rope_theta = rope.find_number("rope_theta").value_or(config.rope_theta);
    config.rope_scaling = read_rope_scaling(rope);
    const double part = rope.find_number("partial_rotary_factor").value_or(1);
    check(part == 1, ErrorCode::kModel, where, ": \"partial_rotary_factor\" is ", part,
          "; only 1 is supported");
    return;
  }
}

// What the arithmetic of these families may be asked to do differently.
void refuse_unsupported(const Members& members) {
  const json::value* activation = members.find("hidden_act");
  if (activation != nullptr && *activation != "silu") {
    members.refuse("hidden_act", *activation, "only \"silu\" is supported");
  }
  if (members.flag("use_sliding_window")) {
    members.refuse("use_sliding_window", true, "sliding windows are not supported");
  }
  if (const json::value* types = members.find("layer_types"); types != nullptr) {
    const bool all_full = types->is_array() && [&] {
      for (const json::value& type : types->get_array()) {
        if (type != "full_attention") {
          return false;
        }
      }
      return true;
    }();
    if (!all_full) {
      members.refuse("layer_types", *types, "only \"full_attention\" is supported");
    }
  }
  if (members.find("quantization_config") != nullptr) {
    fail(ErrorCode::kModel, members.where(),
         ": \"quantization_config\" is set; only unquantised weights are supported here");
  }
}

void read_family(const Members& members, ModelConfig& config) {
  const json::value* type = members.find("model_type");
  check(type != nullptr, ErrorCode::kModel, members.where(), ": \"model_type\" is missing");
  const bool attention_bias = members.flag("attention_bias");
  if (*type == "llama") {
    config.qkv_bias = attention_bias;
    config.o_bias = attention_bias;
    config.mlp_bias = members.flag("mlp_bias");
  } else if (*type == "qwen2") {
    config.qkv_bias = true;
  } else if (*type == "qwen3") {
    config.qkv_bias = attention_bias;
    config.o_bias = attention_bias;
    config.qk_norm = true;
  } else {
    members.refuse("model_type", *type, "llama, qwen2 and qwen3 are supported");
  }
  config.model_type = std::string(type->get_string());
}

// Where the key is absent, transformers takes 128 for qwen3, and hidden_size / heads for the
// others.
std::int64_t read_head_dim(const Members& members, const ModelConfig& config) {
  const auto head_dim = members.find_int("head_dim");
  if (head_dim || config.model_type == "qwen3") {
    return head_dim.value_or(128);
  }
  check(config.hidden_size % config.num_heads == 0, ErrorCode::kModel, members.where(),
        ": hidden_size is ", config.hidden_size, ", which the ", config.num_heads,
        " attention heads do not divide; \"head_dim\" is needed");
  return config.hidden_size / config.num_heads;
}

}  // namespace

ModelConfig parse_model_config_json(std::string_view text, const std::string& source) {
  const json::value root = text::parse_json(text, source);
  const Members members(text::as_object(root, source), source);
  ModelConfig config;
  read_family(members, config);
  refuse_unsupported(members);
  config.vocab_size = members.need_int("vocab_size");
  config.hidden_size = members.need_int("hidden_size");
  config.intermediate_size = members.need_int("intermediate_size");
  config.num_layers = members.need_int("num_hidden_layers");
  config.num_heads = members.need_int("num_attention_heads");
  config.num_kv_heads = members.find_int("num_key_value_heads").value_or(config.num_heads);
  check(config.num_heads >= 1, ErrorCode::kModel, source, ": num_attention_heads is ",
        config.num_heads, "; it must be at least 1");
  config.head_dim = read_head_dim(members, config);
  config.max_positions = members.find_int("max_position_embeddings")
                             .value_or(config.model_type == "llama" ? 2048 : 32768);
  config.rms_norm_eps = members.find_number("rms_norm_eps").value_or(1e-6);
  read_rope(members, config);
  config.tied_embeddings = members.flag("tie_word_embeddings");
  config.eos_ids = read_eos_ids(members);
  config.bos_id = members.token_id("bos_token_id");
  config.pad_id = members.token_id("pad_token_id");
  check_model_config(config, source);
  return config;
}

std::vector<std::int32_t> parse_generation_eos_ids(std::string_view text,
                                                   const std::string& source) {
  if (text.empty()) {
    return {};
  }
  const json::value root = text::parse_json(text, source);
  return read_eos_ids(Members(text::as_object(root, source), source));
}

}  // namespace cogent::model
