#include "distributed/checkpoint/checkpoint_store.hpp"

#include "core/base/error.hpp"
#include "core/base/fault.hpp"
#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "core/base/log.hpp"
#include "distributed/checkpoint/agreement.hpp"
#include "distributed/checkpoint/checkpoint_reader.hpp"
#include "distributed/checkpoint/publish.hpp"
#include "distributed/checkpoint/shard_file.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

namespace cogent::distributed {
namespace {

namespace fs = std::filesystem;

// An action of learner 0 alone, and what came of it on all.
void on_first(Communicator& learners, std::string_view what, const std::function<void()>& action) {
  all_agree(learners, what, [&] {
    if (learners.rank() == 0) {
      action();
    }
    return std::vector<std::byte>();
  });
}

Manifest make_manifest(std::uint64_t generation, const CheckpointState& state,
                       const std::vector<std::vector<std::byte>>& encoded_facts) {
  Manifest manifest;
  manifest.generation = generation;
  manifest.state = state;
  for (const auto& bytes : encoded_facts) {
    const ShardFileFacts facts = decode_shard_file_facts(bytes);
    manifest.files.push_back(facts.file);
    for (const auto& [name, shape] : facts.shapes) {
      const auto [entry, is_first] = manifest.shapes.emplace(name, shape);
      check(is_first || entry->second == shape, ErrorCode::kCheckpoint,
            "learners give two shapes for ", name);
    }
    manifest.pieces.insert(manifest.pieces.end(), facts.pieces.begin(), facts.pieces.end());
  }
  check_coverage(manifest);
  return manifest;
}

// The text files, then the manifest, all synced with their folder.
void complete_folder(const fs::path& dir, Manifest manifest,
                     const std::map<std::string, std::string>& files) {
  for (const auto& [name, text] : files) {
    check(is_plain_name(name) && !fs::exists(dir / name) && name != kManifestName,
          ErrorCode::kCheckpoint, "\"", name, "\" cannot name a text file of a checkpoint");
    write_file_atomic(dir / name, text, ErrorCode::kCheckpoint);
    manifest.files.push_back({name, {text.size(), xxh3(text)}});
  }
  write_file_atomic(dir / kManifestName, write_manifest(manifest), ErrorCode::kCheckpoint);
}

}  // namespace

struct CheckpointStore::Impl {
  fs::path dir;
  Communicator& learners;
  std::int64_t keep_last;
  std::uint64_t generation = 0;  // of learner 0; the others do not publish

  bool is_first() const { return learners.rank() == 0; }
  // What is wrong with the checkpoint of this step; empty: nothing. The ranks share its files.
  std::string find_fault(std::int64_t step) const;
};

CheckpointStore::CheckpointStore(fs::path dir, Communicator& learners, std::int64_t keep_last)
    : impl_(std::make_unique<Impl>(
          Impl{std::move(dir), learners, std::max<std::int64_t>(keep_last, 1)})) {
  on_first(learners, "begin checkpoints",
           [&] { impl_->generation = begin_generation(impl_->dir); });
}

CheckpointStore::~CheckpointStore() = default;

void CheckpointStore::save(const CheckpointState& state,
                           const std::map<ShardKind, std::vector<ShardView>>& shards,
                           const std::map<std::string, std::string>& files,
                           std::span<const std::int64_t> kept) {
  Impl& self = *impl_;
  const fs::path target = self.dir / step_folder_name(state.step);
  const fs::path temporary = target.string() + kTemporarySuffix;
  on_first(self.learners, "begin checkpoint", [&] {
    check_generation(self.dir, self.generation);
    remove_temporary_folders(self.dir);
    make_folder(temporary);
  });
  try {
    const auto facts = all_agree(self.learners, "write checkpoint", [&] {
      const fs::path path = temporary / shard_file_name(self.learners.rank());
      return encode(write_shard_file(path, state.step, shards));
    });
    on_first(self.learners, "publish checkpoint", [&] {
      check_generation(self.dir, self.generation);
      complete_folder(temporary, make_manifest(self.generation, state, facts), files);
      check_generation(self.dir, self.generation);
      fault_point("checkpoint.rename", state.step);
      publish_folder(temporary, target);
    });
  } catch (const Error&) {
    if (self.is_first()) {
      discard_folder(temporary, self.generation);
    }
    throw;
  }
  if (self.is_first()) {
    prune(self.dir, state.step, self.keep_last, kept);
  }
}

std::string CheckpointStore::Impl::find_fault(std::int64_t step) const {
  std::string fault;
  try {
    const CheckpointReader reader(dir / step_folder_name(step));
    check(reader.manifest().state.step == step, ErrorCode::kCheckpoint,
          (dir / step_folder_name(step)).string(), " holds step ", reader.manifest().state.step);
    const auto stride = static_cast<std::size_t>(learners.size());
    for (auto i = static_cast<std::size_t>(learners.rank()); i < reader.manifest().files.size();
         i += stride) {
      reader.verify_file(i);
    }
  } catch (const std::exception& error) {
    fault = error.what();
  }
  for (const auto& bytes :
       all_gather_bytes(learners, std::as_bytes(std::span(fault)), "verify checkpoint")) {
    if (!bytes.empty()) {
      return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
  }
  return "";
}

std::optional<CheckpointState> CheckpointStore::find_latest() {
  Impl& self = *impl_;
  const auto lists = all_agree(self.learners, "list checkpoints", [&] {
    const auto steps = self.is_first() ? list_steps(self.dir) : std::vector<std::int64_t>();
    const auto bytes = std::as_bytes(std::span(steps));
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  });
  std::vector<std::int64_t> steps(lists.front().size() / sizeof(std::int64_t));
  std::memcpy(steps.data(), lists.front().data(), lists.front().size());
  std::string newest_fault;
  for (const std::int64_t step : steps) {
    const std::string fault = self.find_fault(step);
    if (fault.empty()) {
      return read_checkpoint_state(self.dir / step_folder_name(step));
    }
    newest_fault = newest_fault.empty() ? fault : newest_fault;
    if (self.is_first()) {
      log_warning(step_folder_name(step), " is passed over: ", fault);
    }
  }
  check(steps.empty(), ErrorCode::kCheckpoint, "none of the ", steps.size(), " checkpoints in ",
        self.dir.string(), " is valid (", newest_fault,
        "); a run never begins again at step 0 by itself: repair or remove them");
  return std::nullopt;
}

void CheckpointStore::load(std::int64_t step,
                           const std::map<ShardKind, std::vector<ShardTarget>>& targets) {
  const CheckpointReader reader(impl_->dir / step_folder_name(step));
  for (const auto& [kind, wanted] : targets) {
    reader.read(kind, wanted);
  }
}

}  // namespace cogent::distributed
