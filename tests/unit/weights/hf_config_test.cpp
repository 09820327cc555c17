#include "core/model/weights/hf_config.hpp"

#include "tests/unit/weights/test_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cogent::model {
namespace {

// A config.json of these sizes with more members.
std::string config_text(const std::string& more) {
  return R"({"vocab_size": 100, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5)" +
         (more.empty() ? "" : ", " + more) + "}";
}

ModelConfig parse(const std::string& more) {
  return parse_model_config_json(config_text(more), "config.json");
}

TEST(HfConfig, ReadsLlamaWithTheDefaultsOfTransformers) {
  const ModelConfig config = parse(R"("model_type": "llama")");
  EXPECT_EQ(config.head_dim, 8);
  EXPECT_EQ(config.max_positions, 2048);
  EXPECT_EQ(config.rope_theta, 10000);
  EXPECT_EQ(config.rms_norm_eps, 1e-5);
  EXPECT_FALSE(config.qkv_bias || config.o_bias || config.mlp_bias || config.qk_norm);
  EXPECT_FALSE(config.tied_embeddings);
  EXPECT_TRUE(config.eos_ids.empty());
  EXPECT_EQ(config.bos_id, -1);
}

TEST(HfConfig, ReadsTheFamilies) {
  const ModelConfig llama =
      parse(R"("model_type": "llama", "attention_bias": true, "mlp_bias": true)");
  EXPECT_TRUE(llama.qkv_bias && llama.o_bias && llama.mlp_bias);
  const ModelConfig qwen2 = parse(R"("model_type": "qwen2", "sliding_window": 4096)");
  EXPECT_TRUE(qwen2.qkv_bias);
  EXPECT_FALSE(qwen2.o_bias || qwen2.qk_norm);
  const ModelConfig qwen3 = parse(R"("model_type": "qwen3")");
  EXPECT_TRUE(qwen3.qk_norm);
  EXPECT_FALSE(qwen3.qkv_bias);
  EXPECT_EQ(qwen3.head_dim, 128);
}

TEST(HfConfig, ReadsRopeInBothLayouts) {
  const ModelConfig old = parse(
      R"("model_type": "llama", "rope_theta": 500000.0,
         "rope_scaling": {"type": "linear", "factor": 2.0})");
  EXPECT_EQ(old.rope_theta, 500000);
  EXPECT_EQ(old.rope_scaling.type, RopeScalingType::kLinear);
  EXPECT_EQ(old.rope_scaling.factor, 2);
  const ModelConfig recent = parse(
      R"("model_type": "llama", "rope_parameters": {"rope_type": "llama3", "rope_theta": 500000,
         "factor": 32, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
         "original_max_position_embeddings": 8192})");
  EXPECT_EQ(recent.rope_theta, 500000);
  EXPECT_EQ(recent.rope_scaling, (RopeScaling{RopeScalingType::kLlama3, 32, 1, 4, 8192}));
  EXPECT_EQ(parse(R"("model_type": "llama", "rope_scaling": null)").rope_scaling, RopeScaling{});
}

TEST(HfConfig, ReadsEndTokensAsNumberOrList) {
  EXPECT_THAT(parse(R"("model_type": "llama", "eos_token_id": 7)").eos_ids,
              testing::ElementsAre(7));
  EXPECT_THAT(parse(R"("model_type": "llama", "eos_token_id": [7, 3])").eos_ids,
              testing::ElementsAre(7, 3));
  EXPECT_THAT(parse_generation_eos_ids(R"({"eos_token_id": [1, 2]})", "g"),
              testing::ElementsAre(1, 2));
  EXPECT_TRUE(parse_generation_eos_ids("", "g").empty());
}

TEST(HfConfig, RefusesWhatIsNotSupported) {
  const auto refuses = [](const std::string& more, const std::vector<std::string>& parts) {
    expect_error(ErrorCode::kModel, parts, [&] { parse(more); });
  };
  refuses(R"("model_type": "mamba")", {"model_type", "mamba", "llama, qwen2 and qwen3"});
  refuses(R"("hidden_act": "silu")", {"\"model_type\" is missing"});
  refuses(R"("model_type": "llama", "hidden_act": "gelu")", {"hidden_act", "gelu"});
  refuses(R"("model_type": "qwen2", "use_sliding_window": true)", {"use_sliding_window", "true"});
  refuses(R"("model_type": "qwen2", "layer_types": ["full_attention", "sliding_attention"])",
          {"layer_types", "sliding_attention"});
  refuses(R"("model_type": "llama", "rope_scaling": {"rope_type": "yarn", "factor": 4})",
          {"rope_type", "yarn"});
  refuses(R"("model_type": "llama", "rope_parameters": {"partial_rotary_factor": 0.5})",
          {"partial_rotary_factor", "0.5"});
  refuses(R"("model_type": "llama", "quantization_config": {})", {"quantization_config"});
}

TEST(HfConfig, RefusesSizesThatDoNotFit) {
  const auto refuses = [](const std::string& more, const std::vector<std::string>& parts) {
    expect_error(ErrorCode::kModel, parts, [&] { parse(more); });
  };
  const std::string llama = R"("model_type": "llama", )";
  refuses(llama + R"("num_key_value_heads": 3)", {"4", "3", "multiple"});
  refuses(llama + R"("head_dim": 7)", {"head_dim is 7", "even"});
  refuses(llama + R"("num_attention_heads": 0)", {"num_attention_heads is 0"});
  refuses(llama + R"("num_attention_heads": 5)", {"32", "5", "head_dim"});
  refuses(llama + R"("vocab_size": 0)", {"vocab_size is 0"});
  refuses(llama + R"("vocab_size": 99999999999)", {"vocab_size is 99999999999"});
  refuses(llama + R"("vocab_size": "many")", {"vocab_size", "many", "integer"});
  refuses(llama + R"("rms_norm_eps": 0)", {"rms_norm_eps is 0"});
  refuses(llama + R"("eos_token_id": 100)", {"eos_token_id is 100", "100 tokens"});
  refuses(llama + R"("eos_token_id": [true])", {"eos_token_id"});
  refuses(llama + R"("rope_scaling": {"rope_type": "linear"})", {"factor", "missing"});
  refuses(llama + R"("rope_scaling": 3)", {"rope_scaling", "object"});
}

TEST(HfConfig, RefusesEveryCutOffText) {
  const std::string text = config_text(R"("model_type": "llama")");
  for (std::size_t length = 0; length < text.size(); ++length) {
    EXPECT_THROW(parse_model_config_json(text.substr(0, length), "cut"), Error) << length;
  }
}

TEST(HfConfig, WritesWhatItReads) {
  for (const char* more :
       {R"("model_type": "llama", "tie_word_embeddings": true, "eos_token_id": [1, 2])",
        R"("model_type": "llama", "attention_bias": true, "mlp_bias": true, "bos_token_id": 5,
           "rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
           "high_freq_factor": 4, "original_max_position_embeddings": 64})",
        R"("model_type": "qwen2", "head_dim": 16, "rope_theta": 1000000.0, "eos_token_id": 3)",
        R"("model_type": "qwen3", "rope_scaling": {"rope_type": "linear", "factor": 1.5})"}) {
    const ModelConfig config = parse(more);
    const std::string text = write_model_config_json(config, ExportType::kBfloat16);
    EXPECT_EQ(parse_model_config_json(text, "written"), config) << text;
    EXPECT_NE(text.find(R"("dtype":"bfloat16")"), std::string::npos);
    EXPECT_EQ(parse_generation_eos_ids(write_generation_config_json(config), "written"),
              config.eos_ids);
  }
}

TEST(UnitSpecs, ListTheParametersInTheOrderOfTheContract) {
  ModelConfig config = parse(R"("model_type": "qwen3", "head_dim": 8, "attention_bias": true)");
  const auto units = unit_specs(config);
  ASSERT_EQ(units.size(), 4u);
  EXPECT_EQ(units[0].name, "embedding");
  EXPECT_EQ(units[2].name, "block.1");
  EXPECT_EQ(units[3].name, "head");
  std::vector<std::string> names;
  for (const ParameterSpec& parameter : units[2].parameters) {
    names.push_back(parameter.name.substr(std::string("model.layers.1.").size()));
    EXPECT_EQ(parameter.decay, parameter.is_matrix()) << parameter.name;
  }
  EXPECT_THAT(names, testing::ElementsAre("input_layernorm.weight", "self_attn.q_proj.weight",
                                          "self_attn.q_proj.bias", "self_attn.k_proj.weight",
                                          "self_attn.k_proj.bias", "self_attn.v_proj.weight",
                                          "self_attn.v_proj.bias", "self_attn.q_norm.weight",
                                          "self_attn.k_norm.weight", "self_attn.o_proj.weight",
                                          "self_attn.o_proj.bias",
                                          "post_attention_layernorm.weight", "mlp.gate_proj.weight",
                                          "mlp.up_proj.weight", "mlp.down_proj.weight"));
  const std::int64_t block =
      32 + 32 * 32 + 32 + 2 * (16 * 32 + 16) + 2 * 8 + 32 * 32 + 32 + 32 + 3 * 64 * 32;
  EXPECT_EQ(parameter_count(config), 100 * 32 + 2 * block + 32 + 100 * 32);
  config.tied_embeddings = true;
  EXPECT_EQ(unit_specs(config).back().parameters.size(), 1u);
}

}  // namespace
}  // namespace cogent::model
