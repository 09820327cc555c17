#include "distributed/checkpoint/shard_file.hpp"

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/base/fault.hpp"
#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "distributed/checkpoint/hdf5_file.hpp"

#include <algorithm>

namespace cogent::distributed {
namespace {

constexpr std::int64_t kBlockValues = std::int64_t{1} << 20;  // 4 MiB at a time

ManifestPiece describe(ShardKind kind, const ShardView& view, const std::string& file) {
  const ShardPlace& place = view.place;
  const std::string name = dataset_name(kind, place.parameter);
  check(is_plain_name(place.parameter), ErrorCode::kCheckpoint, "\"", place.parameter,
        "\" cannot name a dataset");
  const std::int64_t size = parameter_size(place.shape, name);
  const auto count = static_cast<std::int64_t>(view.values.size());
  check(place.offset >= 0 && place.offset <= size && count <= size - place.offset,
        ErrorCode::kCheckpoint, "a shard holds ", count, " values at ", place.offset, " of ", name,
        ", which has ", size);
  return {file, kind, place.parameter, place.offset, count, xxh3(std::as_bytes(view.values))};
}

void write_dataset(Hdf5File& file, const ManifestPiece& piece, const ShardView& view) {
  Hdf5Dataset dataset = file.create_dataset(dataset_name(piece.kind, piece.parameter), piece.count);
  dataset.write(view.values);
  dataset.write_attribute("shape", view.place.shape);
  dataset.write_attribute("offset", std::span(&piece.offset, 1));
  dataset.write_attribute("xxh3", piece.xxh3);
  dataset.close();
}

void add_shape(ShardFileFacts& facts, const ShardPlace& place) {
  const auto [entry, is_first] = facts.shapes.emplace(place.parameter, place.shape);
  check(is_first || entry->second == place.shape, ErrorCode::kCheckpoint,
        "shards give two shapes for ", place.parameter);
}

}  // namespace

ShardFileFacts write_shard_file(const std::filesystem::path& path, std::int64_t step,
                                const std::map<ShardKind, std::vector<ShardView>>& shards) {
  ShardFileFacts facts;
  facts.file.name = path.filename().string();
  Hdf5File file = Hdf5File::create(path);
  for (const ShardKind kind : kShardKinds) {
    file.create_group(shard_kind_name(kind));
  }
  std::size_t total = 0;
  for (const auto& [kind, views] : shards) {
    total += views.size();
  }
  std::size_t done = 0;
  for (const auto& [kind, views] : shards) {
    for (const ShardView& view : views) {
      if (done++ == total / 2) {
        fault_point("checkpoint.write", step);
      }
      if (view.values.empty()) {
        continue;
      }
      facts.pieces.push_back(describe(kind, view, facts.file.name));
      add_shape(facts, view.place);
      write_dataset(file, facts.pieces.back(), view);
    }
  }
  file.close();
  sync_path(path, ErrorCode::kCheckpoint);
  for (const ManifestPiece& piece : facts.pieces) {
    read_piece(path, piece, {});
  }
  facts.file.facts = read_file_facts(path);
  return facts;
}

void read_piece(const std::filesystem::path& file, const ManifestPiece& piece,
                std::span<const ShardTarget* const> targets) {
  const std::string name = dataset_name(piece.kind, piece.parameter);
  const Hdf5File source = Hdf5File::open(file);
  const Hdf5Dataset dataset = source.open_dataset(name);
  check(dataset.count() == piece.count, ErrorCode::kCheckpoint, "dataset ", name, " of ",
        file.string(), " has ", dataset.count(), " values, the manifest says ", piece.count);
  std::vector<float> block(static_cast<std::size_t>(std::min(piece.count, kBlockValues)));
  StreamHash hash;
  for (std::int64_t first = 0; first < piece.count; first += kBlockValues) {
    const std::int64_t count = std::min(kBlockValues, piece.count - first);
    const auto values = std::span(block).first(static_cast<std::size_t>(count));
    dataset.read(first, values);
    hash.update(std::as_bytes(values));
    const std::int64_t block_begin = piece.offset + first;  // in the parameter
    for (const ShardTarget* target : targets) {
      const std::int64_t target_begin = target->place.offset;
      const auto target_end = target_begin + static_cast<std::int64_t>(target->values.size());
      const std::int64_t begin = std::max(block_begin, target_begin);
      const std::int64_t end = std::min(block_begin + count, target_end);
      if (begin < end) {
        std::copy_n(values.begin() + (begin - block_begin), end - begin,
                    target->values.begin() + (begin - target_begin));
      }
    }
  }
  check(hash.digest() == piece.xxh3, ErrorCode::kCheckpoint, "dataset ", name, " of ",
        file.string(), " has the hash ", hex64(hash.digest()), ", the manifest says ",
        hex64(piece.xxh3));
}

std::vector<std::byte> encode(const ShardFileFacts& facts) {
  ByteWriter out;
  out.write_string(facts.file.name);
  out.write(facts.file.facts.size);
  out.write(facts.file.facts.xxh3);
  out.write<std::uint64_t>(facts.shapes.size());
  for (const auto& [name, shape] : facts.shapes) {
    out.write_string(name);
    out.write_array(std::span(shape));
  }
  out.write<std::uint64_t>(facts.pieces.size());
  for (const ManifestPiece& piece : facts.pieces) {
    out.write(piece.kind);
    out.write_string(piece.parameter);
    out.write(piece.offset);
    out.write(piece.count);
    out.write(piece.xxh3);
  }
  return out.take();
}

ShardFileFacts decode_shard_file_facts(std::span<const std::byte> bytes) {
  ByteReader in(bytes, "the description of a shard file", ErrorCode::kCommunication);
  ShardFileFacts facts;
  facts.file.name = in.read_string();
  facts.file.facts.size = in.read<std::uint64_t>();
  facts.file.facts.xxh3 = in.read<std::uint64_t>();
  for (auto left = in.read<std::uint64_t>(); left > 0; --left) {
    std::string name = in.read_string();
    facts.shapes[name] = in.read_array<std::int64_t>();
  }
  for (auto left = in.read<std::uint64_t>(); left > 0; --left) {
    ManifestPiece piece;
    piece.file = facts.file.name;
    piece.kind = in.read<ShardKind>();
    piece.parameter = in.read_string();
    piece.offset = in.read<std::int64_t>();
    piece.count = in.read<std::int64_t>();
    piece.xxh3 = in.read<std::uint64_t>();
    facts.pieces.push_back(std::move(piece));
  }
  in.expect_end();
  return facts;
}

}  // namespace cogent::distributed
