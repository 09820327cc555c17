#include "tests/checkpoint/small_model.hpp"

#include "core/base/error.hpp"
#include "tests/checkpoint/thread_communicator.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace cogent::distributed::testing {

namespace fs = std::filesystem;

ScratchFolder::ScratchFolder() {
  std::string pattern = (fs::temp_directory_path() / "cogent-checkpoint-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw std::runtime_error("no scratch folder");
  }
  path_ = pattern;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::int64_t SmallParameter::size() const {
  std::int64_t product = 1;
  for (const std::int64_t extent : shape) {
    product *= extent;
  }
  return product;
}

const std::vector<SmallParameter>& small_parameters() {
  static const std::vector<SmallParameter> parameters = {
      {"model.embed_tokens.weight", {7, 5}}, {"model.norm.weight", {13}}, {"model.scale", {1}}};
  return parameters;
}

float expected_value(std::int64_t step, ShardKind kind, std::size_t parameter, std::int64_t i) {
  return static_cast<float>(step * 1000 + i) +
         0.25f * static_cast<float>(static_cast<int>(kind) + 1) +
         static_cast<float>(parameter) * 97;
}

SmallShards::SmallShards(std::int64_t step, int rank, int ranks) {
  for (const ShardKind kind : kKinds) {
    for (std::size_t p = 0; p < small_parameters().size(); ++p) {
      const SmallParameter& parameter = small_parameters()[p];
      const std::int64_t begin = parameter.size() * rank / ranks;
      const std::int64_t end = parameter.size() * (rank + 1) / ranks;
      Piece piece{{parameter.name, parameter.shape, begin}, p, {}};
      for (std::int64_t i = begin; i < end; ++i) {
        piece.values.push_back(step < 0 ? -1.0f : expected_value(step, kind, p, i));
      }
      pieces_[kind].push_back(std::move(piece));
    }
  }
}

std::map<ShardKind, std::vector<ShardView>> SmallShards::views() const {
  std::map<ShardKind, std::vector<ShardView>> views;
  for (const auto& [kind, pieces] : pieces_) {
    for (const Piece& piece : pieces) {
      views[kind].push_back({piece.place, piece.values});
    }
  }
  return views;
}

std::map<ShardKind, std::vector<ShardTarget>> SmallShards::targets() {
  std::map<ShardKind, std::vector<ShardTarget>> targets;
  for (auto& [kind, pieces] : pieces_) {
    for (Piece& piece : pieces) {
      targets[kind].push_back({piece.place, piece.values});
    }
  }
  return targets;
}

std::int64_t SmallShards::differences(std::int64_t step) const {
  std::int64_t count = 0;
  for (const auto& [kind, pieces] : pieces_) {
    for (const Piece& piece : pieces) {
      for (std::size_t i = 0; i < piece.values.size(); ++i) {
        const auto at = piece.place.offset + static_cast<std::int64_t>(i);
        const float expected = expected_value(step, kind, piece.parameter, at);
        count += std::memcmp(&piece.values[i], &expected, sizeof expected) != 0 ? 1 : 0;
      }
    }
  }
  return count;
}

CheckpointState small_state(std::int64_t step) {
  CheckpointState state;
  state.step = step;
  state.updates = step * 2;
  state.stage = "grpo";
  state.weights_xxh3 = 0x0123456789abcdef + static_cast<std::uint64_t>(step);
  state.arithmetic_digest = 0xfedcba9876543210;
  state.data_digest = 7;
  state.fingerprint = "reference: \"a\"\n# not a comment";
  state.counters = {{"best F1", "0.5"}, {"skipped: updates", "- 3"}, {"empty", ""}};
  return state;
}

bool same_state(const CheckpointState& left, const CheckpointState& right) {
  return left.step == right.step && left.updates == right.updates && left.stage == right.stage &&
         left.weights_xxh3 == right.weights_xxh3 && left.base_xxh3 == right.base_xxh3 &&
         left.arithmetic_digest == right.arithmetic_digest &&
         left.data_digest == right.data_digest && left.fingerprint == right.fingerprint &&
         left.counters == right.counters;
}

std::map<std::string, std::string> small_files() {
  return {{"config.json", "{\"model_type\": \"llama\"}\n"}, {"tokenizer.json", "{}\n"}};
}

std::vector<std::string> save_steps(const fs::path& dir, int ranks,
                                    const std::vector<std::int64_t>& steps,
                                    std::int64_t keep_last) {
  return run_ranks(ranks, [&](Communicator& learners) {
    CheckpointStore store(dir, learners, keep_last);
    for (const std::int64_t step : steps) {
      const SmallShards shards(step, learners.rank(), learners.size());
      store.save(small_state(step), shards.views(), small_files());
    }
  });
}

std::int64_t find_step(const fs::path& dir) {
  const auto self = make_self_communicator("self");
  CheckpointStore store(dir, *self, 100);
  const auto state = store.find_latest();
  return state ? state->step : -1;
}

std::string find_error(const fs::path& dir) {
  try {
    find_step(dir);
  } catch (const Error& error) {
    return error.code() == ErrorCode::kCheckpoint ? error.what() : "another code";
  }
  return "";
}

std::vector<std::string> entries(const fs::path& dir) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(dir)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace cogent::distributed::testing
