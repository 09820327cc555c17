#include "core/base/files.hpp"
#include "core/base/json_lines.hpp"
#include "core/model/weights/weight_source.hpp"
#include "tests/unit/weights/test_files.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace cogent::model {
namespace {

std::string tokenizer_folder() {
  return fixture("models/qwen2_bias").string();
}

TEST(RandomWeights, DependOnTheSeedAlone) {
  const std::string path = "random:hidden=32,vocab=50,family=qwen2,seed=";
  expect_same_weights(*open_weights(path + "4"), *open_weights(path + "4"));
  const ParameterSpec embedding{"model.embed_tokens.weight", 50, 32, true};
  EXPECT_NE(read_parameter(*open_weights(path + "4"), embedding),
            read_parameter(*open_weights(path + "5"), embedding));
}

TEST(RandomWeights, AreNormalWithOnesInNormsAndVisibleBiases) {
  const auto source = open_weights("random:hidden=64,vocab=500,family=qwen2,tied=0");
  double sum = 0;
  double squares = 0;
  std::size_t count = 0;
  std::vector<float> previous;
  for (const ParameterSpec& parameter : all_parameters(source->config())) {
    const auto values = read_parameter(*source, parameter);
    if (parameter.name.ends_with("norm.weight")) {
      EXPECT_EQ(values, std::vector<float>(values.size(), 1.0F)) << parameter.name;
      continue;
    }
    EXPECT_NE(values, previous) << parameter.name;
    previous = values;
    for (const float value : values) {
      sum += value;
      squares += static_cast<double>(value) * value;
    }
    count += values.size();
  }
  const auto n = static_cast<double>(count);
  EXPECT_NEAR(sum / n, 0, 0.02 * 5 / std::sqrt(n));
  EXPECT_NEAR(std::sqrt(squares / n), 0.02, 0.02 * 5 / std::sqrt(2 * n));
}

// Values that an own implementation in Python drew: random models must not change under anyone.
TEST(RandomWeights, AreTheCommittedOnes) {
  const auto source = open_weights("random:hidden=4,heads=1,kv_heads=1,vocab=2");
  const json::value committed =
      json::parse(read_file(fixture("weights/random_weights.json"), ErrorCode::kModel));
  const auto parameters = all_parameters(source->config());
  for (const auto& [index, expected] : committed.get_object()) {
    const ParameterSpec& parameter = parameters.at(std::stoul(std::string(index)));
    const auto values = read_parameter(*source, parameter);
    ASSERT_EQ(values.size(), expected.get_array().size()) << parameter.name;
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_FLOAT_EQ(values[i], expected.at(i).to_number<float>()) << parameter.name << " " << i;
    }
  }
}

TEST(RandomWeights, TakeTheVocabularyOfTheTokenizer) {
  const std::string path = "random:tokenizer=" + tokenizer_folder();
  const auto source = open_weights(path);
  EXPECT_EQ(source->config().vocab_size, 300);
  EXPECT_THAT(source->config().eos_ids, testing::ElementsAre(2, 0));
  EXPECT_EQ(source->config().pad_id, 0);
  EXPECT_EQ(source->config().hidden_size, 64);
  EXPECT_EQ(source->config().head_dim, 16);
  EXPECT_EQ(source->config().intermediate_size, 128);
  EXPECT_TRUE(source->config().tied_embeddings);
  EXPECT_EQ(open_tokenizer(path).vocab_size(), 300);
  EXPECT_EQ(open_tokenizer("random:tokenizer=" + tokenizer_folder() + "/tokenizer.json,layers=1")
                .vocab_size(),
            300);
  EXPECT_EQ(open_weights(path + ",vocab=320")->config().vocab_size, 320);
  expect_error(ErrorCode::kUsage, {"299", "300"}, [&] { open_weights(path + ",vocab=299"); });
}

TEST(RandomWeights, RefuseWhatTheyDoNotKnow) {
  const auto refuses = [](const std::string& path, ErrorCode code,
                          const std::vector<std::string>& parts) {
    expect_error(code, parts, [&] { open_weights(path); });
  };
  refuses("random:", ErrorCode::kUsage, {"tokenizer=PATH"});
  refuses("random:vocab=9,depth=3", ErrorCode::kUsage, {"depth", "layers"});
  refuses("random:vocab=9,vocab=8", ErrorCode::kUsage, {"vocab", "twice"});
  refuses("random:vocab", ErrorCode::kUsage, {"vocab", "KEY=VALUE"});
  refuses("random:vocab=9,hidden=3x", ErrorCode::kUsage, {"hidden", "3x"});
  refuses("random:vocab=9,hidden=-8", ErrorCode::kUsage, {"hidden", "-8"});
  refuses("random:vocab=9,heads=0", ErrorCode::kUsage, {"heads"});
  refuses("random:vocab=9,heads=4,kv_heads=3", ErrorCode::kModel, {"4", "3"});
  refuses("random:vocab=9,family=bert", ErrorCode::kModel, {"bert"});
  refuses("random:tokenizer=nowhere", ErrorCode::kModel, {"nowhere", "does not exist"});
  expect_error(ErrorCode::kUsage, {"tokenizer=PATH"}, [] { open_tokenizer("random:vocab=9"); });
}

}  // namespace
}  // namespace cogent::model
