#include "distributed/checkpoint/layout.hpp"

#include "core/base/error.hpp"
#include "core/base/hash.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>

namespace cogent::distributed {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStepPrefix = "step-";

std::optional<std::int64_t> step_of_folder(const std::string& name) {
  if (!name.starts_with(kStepPrefix)) {
    return std::nullopt;
  }
  std::int64_t step = 0;
  const auto* end = name.data() + name.size();
  const auto [stop, failure] = std::from_chars(name.data() + kStepPrefix.size(), end, step);
  if (failure != std::errc{} || stop != end || step < 0 || step_folder_name(step) != name) {
    return std::nullopt;
  }
  return step;
}

}  // namespace

std::string step_folder_name(std::int64_t step) {
  char name[32];
  std::snprintf(name, sizeof name, "step-%08lld", static_cast<long long>(step));
  return name;
}

std::string shard_file_name(int learner) {
  char name[32];
  std::snprintf(name, sizeof name, "learner-%04d.h5", learner);
  return name;
}

const char* shard_kind_name(ShardKind kind) {
  switch (kind) {
    case ShardKind::kWeight:
      return "weight";
    case ShardKind::kExpAvg:
      return "exp_avg";
    case ShardKind::kExpAvgSq:
      return "exp_avg_sq";
  }
  fail(ErrorCode::kCheckpoint, "shard kind ", static_cast<int>(kind), " is unknown");
}

std::string dataset_name(ShardKind kind, std::string_view parameter) {
  return concat("/", shard_kind_name(kind), "/", parameter);
}

std::vector<std::int64_t> list_steps(const fs::path& dir) {
  std::vector<std::int64_t> steps;
  std::error_code failure;
  if (!fs::exists(dir, failure) && !failure) {
    return steps;
  }
  for (fs::directory_iterator entry(dir, failure); !failure && entry != fs::directory_iterator();
       entry.increment(failure)) {
    if (const auto step = step_of_folder(entry->path().filename().string())) {
      steps.push_back(*step);
    }
  }
  check(!failure, ErrorCode::kCheckpoint, dir.string(), " cannot be listed: ", failure.message());
  std::sort(steps.begin(), steps.end(), std::greater<>());
  return steps;
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos;
}

std::int64_t parameter_size(const std::vector<std::int64_t>& shape, const std::string& name) {
  constexpr std::int64_t kLargest = std::int64_t{1} << 62;
  std::int64_t size = 1;
  for (const std::int64_t extent : shape) {
    check(extent > 0 && extent <= kLargest / size, ErrorCode::kCheckpoint, "the shape of ", name,
          " has a dimension of ", extent, ", which gives no size from 1 to 2^62");
    size *= extent;
  }
  return size;
}

FileFacts read_file_facts(const fs::path& path) {
  const auto close = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rbe"), close);
  check(file != nullptr, ErrorCode::kCheckpoint, path.string(),
        " cannot be opened: ", std::strerror(errno));
  std::vector<std::byte> block(std::size_t{4} << 20);
  FileFacts facts;
  StreamHash hash;
  while (const std::size_t count = std::fread(block.data(), 1, block.size(), file.get())) {
    hash.update(std::span(block).first(count));
    facts.size += count;
  }
  check(std::ferror(file.get()) == 0, ErrorCode::kCheckpoint, path.string(),
        " cannot be read: ", std::strerror(errno));
  facts.xxh3 = hash.digest();
  return facts;
}

}  // namespace cogent::distributed
