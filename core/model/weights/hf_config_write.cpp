#include "core/base/json_lines.hpp"
#include "core/model/weights/hf_config.hpp"

#include <boost/json/array.hpp>

namespace cogent::model {
namespace {

json::value id_or_null(std::int32_t id) {
  return id < 0 ? json::value(nullptr) : json::value(id);
}

json::value eos_value(const ModelConfig& config) {
  if (config.eos_ids.size() <= 1) {
    return id_or_null(config.eos_ids.empty() ? -1 : config.eos_ids.front());
  }
  return json::array(config.eos_ids.begin(), config.eos_ids.end());
}

const char* architecture(const ModelConfig& config) {
  if (config.model_type == "qwen2") {
    return "Qwen2ForCausalLM";
  }
  return config.model_type == "qwen3" ? "Qwen3ForCausalLM" : "LlamaForCausalLM";
}

// `rope_scaling` as transformers 4 reads it; null where there is none.
json::value rope_scaling(const RopeScaling& scaling) {
  switch (scaling.type) {
    case RopeScalingType::kNone:
      break;
    case RopeScalingType::kLinear:
      return json::object{{"rope_type", "linear"}, {"factor", scaling.factor}};
    case RopeScalingType::kLlama3:
      return json::object{{"rope_type", "llama3"},
                          {"factor", scaling.factor},
                          {"low_freq_factor", scaling.low_freq_factor},
                          {"high_freq_factor", scaling.high_freq_factor},
                          {"original_max_position_embeddings", scaling.original_max_positions}};
  }
  return nullptr;
}

// `rope_parameters` as transformers 5 reads it.
json::object rope_parameters(const ModelConfig& config) {
  const json::value scaling = rope_scaling(config.rope_scaling);
  json::object parameters =
      scaling.is_null() ? json::object{{"rope_type", "default"}} : scaling.get_object();
  parameters["rope_theta"] = config.rope_theta;
  return parameters;
}

}  // namespace

std::string write_model_config_json(const ModelConfig& config, ExportType type) {
  json::object out{
      {"architectures", json::array{architecture(config)}},
      {"model_type", config.model_type},
      {"hidden_act", "silu"},
      {"vocab_size", config.vocab_size},
      {"hidden_size", config.hidden_size},
      {"intermediate_size", config.intermediate_size},
      {"num_hidden_layers", config.num_layers},
      {"num_attention_heads", config.num_heads},
      {"num_key_value_heads", config.num_kv_heads},
      {"head_dim", config.head_dim},
      {"max_position_embeddings", config.max_positions},
      {"rms_norm_eps", config.rms_norm_eps},
      {"rope_theta", config.rope_theta},
      {"rope_scaling", rope_scaling(config.rope_scaling)},
      {"rope_parameters", rope_parameters(config)},
      {"attention_bias", config.o_bias},
      {"mlp_bias", config.mlp_bias},
      {"tie_word_embeddings", config.tied_embeddings},
      {"eos_token_id", eos_value(config)},
      {"bos_token_id", id_or_null(config.bos_id)},
      {"pad_token_id", id_or_null(config.pad_id)},
  };
  const char* dtype = type == ExportType::kBfloat16 ? "bfloat16" : "float32";
  out["dtype"] = dtype;        // transformers 5
  out["torch_dtype"] = dtype;  // transformers 4
  return to_json_line(out) + "\n";
}

std::string write_generation_config_json(const ModelConfig& config) {
  const json::object out{{"eos_token_id", eos_value(config)},
                         {"bos_token_id", id_or_null(config.bos_id)},
                         {"pad_token_id", id_or_null(config.pad_id)}};
  return to_json_line(out) + "\n";
}

}  // namespace cogent::model
