#pragma once

#include "core/model/weights/weight_source.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace cogent::model {

constexpr std::string_view kRandomPrefix = "random:";

// The KEY=VALUE pairs behind "random:". An unknown key, one given twice, or a number that is none
// is an Error of kUsage that names it.
struct RandomModel {
  explicit RandomModel(const std::string& path);

  ModelConfig config;  // vocab_size 0 and no token ids where `vocab` was not given
  std::uint64_t seed = 1;
  std::string tokenizer_path;  // empty where not given
};

// Matrices and biases are normal(0, 0.02), norm weights 1. A value depends on the seed, the
// parameter's index in unit_specs and its own index alone.
std::unique_ptr<WeightSource> make_random_weights(ModelConfig config, std::uint64_t seed);

}  // namespace cogent::model
