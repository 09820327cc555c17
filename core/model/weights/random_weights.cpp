#include "core/model/weights/random_weights.hpp"

#include "core/base/error.hpp"
#include "core/base/philox.hpp"

#include <charconv>
#include <cmath>
#include <numbers>
#include <utility>

namespace cogent::model {
namespace {

constexpr double kDeviation = 0.02;

std::map<std::string, std::string> split_pairs(const std::string& path) {
  std::map<std::string, std::string> pairs;
  std::size_t begin = kRandomPrefix.size();
  while (begin < path.size()) {
    const std::size_t end = std::min(path.find(',', begin), path.size());
    const std::string pair = path.substr(begin, end - begin);
    const std::size_t equals = pair.find('=');
    check(equals != std::string::npos, ErrorCode::kUsage, path, ": \"", pair,
          "\" is not KEY=VALUE");
    const bool fresh = pairs.emplace(pair.substr(0, equals), pair.substr(equals + 1)).second;
    check(fresh, ErrorCode::kUsage, path, ": ", pair.substr(0, equals), " is given twice");
    begin = end + 1;
  }
  return pairs;
}

// Takes keys out of the pairs, so that what is left is unknown.
class PairReader {
 public:
  explicit PairReader(const std::string& path) : path_(path), pairs_(split_pairs(path)) {}

  std::string text(const char* key, const std::string& fallback) {
    const auto node = pairs_.extract(key);
    return node.empty() ? fallback : node.mapped();
  }
  std::int64_t number(const char* key, std::int64_t fallback) {
    const auto node = pairs_.extract(key);
    if (node.empty()) {
      return fallback;
    }
    const std::string& text = node.mapped();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    check(error == std::errc() && end == text.data() + text.size() && value >= 0, ErrorCode::kUsage,
          path_, ": ", key, " is \"", text, "\"; an integer of 0 or more is needed");
    return value;
  }
  void expect_empty() const {
    check(pairs_.empty(), ErrorCode::kUsage, path_, ": the key ",
          pairs_.empty() ? std::string() : pairs_.begin()->first,
          " is unknown; family, hidden, intermediate, layers, heads, kv_heads, head_dim, "
          "positions, tied, vocab, seed and tokenizer are known");
  }

 private:
  const std::string& path_;
  std::map<std::string, std::string> pairs_;
};

// Two standard normal values of one counter, by Box and Muller.
std::pair<double, double> draw_normals(std::uint64_t seed, std::uint32_t parameter,
                                       std::uint64_t pair) {
  const PhiloxCounter words = draw_words({.seed = seed,
                                          .stream = RandomStream::kInitialise,
                                          .position = static_cast<std::uint32_t>(pair >> 32),
                                          .step = static_cast<std::uint32_t>(pair),
                                          .prompt = parameter});
  const auto uniform = [](std::uint32_t low, std::uint32_t high) {
    return static_cast<double>(std::uint64_t{high} << 21 | low >> 11) * 0x1.0p-53;
  };
  const double radius = std::sqrt(-2 * std::log(1 - uniform(words[0], words[1])));
  const double angle = 2 * std::numbers::pi * uniform(words[2], words[3]);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

class RandomWeights : public WeightSource {
 public:
  RandomWeights(ModelConfig config, std::uint64_t seed) : config_(std::move(config)), seed_(seed) {
    for (const UnitSpec& unit : unit_specs(config_)) {
      for (const ParameterSpec& parameter : unit.parameters) {
        index_.emplace(parameter.name, static_cast<std::uint32_t>(index_.size()));
      }
    }
  }

  const ModelConfig& config() const override { return config_; }

  void read(const ParameterSpec& parameter, std::span<float> out) const override {
    const auto place = index_.find(parameter.name);
    check(place != index_.end(), ErrorCode::kUnexpected, parameter.name,
          " is no parameter of the random model");
    check(out.size() == static_cast<std::size_t>(parameter.size()), ErrorCode::kUnexpected,
          parameter.name, " has ", parameter.size(), " values, but ", out.size(),
          " were asked for");
    if (parameter.name.ends_with("norm.weight")) {
      std::fill(out.begin(), out.end(), 1.0F);
      return;
    }
    for (std::size_t i = 0; i < out.size(); i += 2) {
      const auto [first, second] = draw_normals(seed_, place->second, i / 2);
      out[i] = static_cast<float>(kDeviation * first);
      if (i + 1 < out.size()) {
        out[i + 1] = static_cast<float>(kDeviation * second);
      }
    }
  }

 private:
  ModelConfig config_;
  std::uint64_t seed_;
  std::map<std::string, std::uint32_t> index_;
};

}  // namespace

RandomModel::RandomModel(const std::string& path) {
  PairReader pairs(path);
  config.model_type = pairs.text("family", "llama");
  config.hidden_size = pairs.number("hidden", 64);
  config.intermediate_size = pairs.number("intermediate", 2 * config.hidden_size);
  config.num_layers = pairs.number("layers", 2);
  config.num_heads = pairs.number("heads", 4);
  config.num_kv_heads = pairs.number("kv_heads", 2);
  check(config.num_heads >= 1, ErrorCode::kUsage, path, ": heads is 0; at least 1 is needed");
  config.head_dim = pairs.number("head_dim", config.hidden_size / config.num_heads);
  config.max_positions = pairs.number("positions", 2048);
  config.tied_embeddings = pairs.number("tied", 1) != 0;
  config.vocab_size = pairs.number("vocab", 0);
  config.qkv_bias = config.model_type == "qwen2";
  config.qk_norm = config.model_type == "qwen3";
  seed = static_cast<std::uint64_t>(pairs.number("seed", 1));
  tokenizer_path = pairs.text("tokenizer", "");
  pairs.expect_empty();
}

std::unique_ptr<WeightSource> make_random_weights(ModelConfig config, std::uint64_t seed) {
  return std::make_unique<RandomWeights>(std::move(config), seed);
}

}  // namespace cogent::model
