#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "distributed/checkpoint/manifest.hpp"

#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/node/convert.h>
#include <yaml-cpp/node/detail/impl.h>
#include <yaml-cpp/node/impl.h>
#include <yaml-cpp/node/iterator.h>
#include <yaml-cpp/node/node.h>
#include <yaml-cpp/node/parse.h>

#include <charconv>
#include <set>

namespace cogent::distributed {
namespace {

constexpr std::string_view kClosingBegin = "manifest_xxh3: \"";
constexpr std::size_t kClosingSize = kClosingBegin.size() + 16 + 2;  // 16 digits, quote, newline

// A map or list of the manifest, with where it stands for messages.
struct Part {
  YAML::Node node;
  std::string where;
};

Part child(const Part& parent, const std::string& key) {
  check(parent.node.IsMap(), ErrorCode::kCheckpoint, parent.where, " is not a map");
  Part found{parent.node[key], concat(parent.where, ": ", key)};
  check(found.node.IsDefined(), ErrorCode::kCheckpoint, parent.where, " has no key ", key);
  return found;
}

std::string text_of(const Part& part) {
  check(part.node.IsScalar(), ErrorCode::kCheckpoint, part.where, " is not a single value");
  return part.node.Scalar();
}

template <typename Integer>
Integer integer_of(const Part& part, int base = 10) {
  const std::string text = text_of(part);
  Integer value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value, base);
  check(failure == std::errc{} && stop == end && !text.starts_with('-'), ErrorCode::kCheckpoint,
        part.where, " is ", text, ", which is no ", base == 16 ? "hash" : "count");
  return value;
}

std::uint64_t hash_of(const Part& part) {
  const auto value = integer_of<std::uint64_t>(part, 16);
  check(text_of(part) == hex64(value), ErrorCode::kCheckpoint, part.where, " is ", text_of(part),
        ", a hash has 16 digits");
  return value;
}

std::vector<Part> items_of(const Part& list) {
  check(list.node.IsSequence(), ErrorCode::kCheckpoint, list.where, " is not a list");
  std::vector<Part> items;
  for (const YAML::Node& node : list.node) {
    items.push_back({node, concat(list.where, "[", items.size(), "]")});
  }
  return items;
}

std::vector<std::pair<std::string, Part>> entries_of(const Part& map) {
  check(map.node.IsMap(), ErrorCode::kCheckpoint, map.where, " is not a map");
  std::vector<std::pair<std::string, Part>> entries;
  for (const auto& entry : map.node) {
    std::string key = text_of({entry.first, concat("a key of ", map.where)});
    Part value{entry.second, concat(map.where, ": ", key)};
    entries.emplace_back(std::move(key), std::move(value));
  }
  return entries;
}

CheckpointState read_state(const Part& part) {
  CheckpointState state;
  state.step = integer_of<std::int64_t>(child(part, "step"));
  state.updates = integer_of<std::int64_t>(child(part, "updates"));
  state.stage = text_of(child(part, "stage"));
  state.weights_xxh3 = hash_of(child(part, "weights_xxh3"));
  if (part.node["base_xxh3"].IsDefined()) {
    state.base_xxh3 = hash_of(child(part, "base_xxh3"));
  }
  state.arithmetic_digest = hash_of(child(part, "arithmetic_digest"));
  state.data_digest = hash_of(child(part, "data_digest"));
  state.fingerprint = text_of(child(part, "fingerprint"));
  for (const auto& [name, value] : entries_of(child(part, "counters"))) {
    state.counters[name] = text_of(value);
  }
  return state;
}

ShardKind read_kind(const Part& part) {
  const std::string name = text_of(part);
  for (const ShardKind kind : kShardKinds) {
    if (name == shard_kind_name(kind)) {
      return kind;
    }
  }
  fail(ErrorCode::kCheckpoint, part.where, " is ", name,
       ", the kinds are weight, exp_avg and exp_avg_sq");
}

std::string read_name(const Part& part) {
  std::string name = text_of(part);
  check(is_plain_name(name), ErrorCode::kCheckpoint, part.where, " is \"", name,
        "\", which cannot name a file or a dataset");
  return name;
}

std::vector<ManifestFile> read_files(const Part& list) {
  std::vector<ManifestFile> files;
  for (const Part& item : items_of(list)) {
    files.push_back(
        {read_name(child(item, "name")),
         {integer_of<std::uint64_t>(child(item, "size")), hash_of(child(item, "xxh3"))}});
  }
  return files;
}

std::map<std::string, std::vector<std::int64_t>> read_shapes(const Part& map) {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const auto& [name, value] : entries_of(map)) {
    check(is_plain_name(name), ErrorCode::kCheckpoint, value.where, " cannot name a dataset");
    std::vector<std::int64_t> shape;
    for (const Part& extent : items_of(value)) {
      shape.push_back(integer_of<std::int64_t>(extent));
    }
    parameter_size(shape, value.where);
    shapes[name] = std::move(shape);
  }
  return shapes;
}

ManifestPiece read_piece(const Part& item, const Manifest& manifest,
                         const std::set<std::string>& files) {
  ManifestPiece piece;
  piece.file = read_name(child(item, "file"));
  check(files.count(piece.file) != 0, ErrorCode::kCheckpoint, item.where, " is in ", piece.file,
        ", which files does not list");
  piece.kind = read_kind(child(item, "kind"));
  piece.parameter = read_name(child(item, "parameter"));
  const auto shape = manifest.shapes.find(piece.parameter);
  check(shape != manifest.shapes.end(), ErrorCode::kCheckpoint, item.where, " is of ",
        piece.parameter, ", which parameters does not list");
  piece.offset = integer_of<std::int64_t>(child(item, "offset"));
  piece.count = integer_of<std::int64_t>(child(item, "count"));
  const std::int64_t size = parameter_size(shape->second, piece.parameter);
  check(piece.offset <= size && piece.count <= size - piece.offset, ErrorCode::kCheckpoint,
        item.where, " holds ", piece.count, " values at ", piece.offset, " of ", piece.parameter,
        ", which has ", size);
  piece.xxh3 = hash_of(child(item, "xxh3"));
  return piece;
}

Manifest read_manifest(const Part& root) {
  check(text_of(child(root, "format")) == "cogent-checkpoint", ErrorCode::kCheckpoint, root.where,
        " is not the manifest of a checkpoint");
  const auto version = integer_of<std::int64_t>(child(root, "version"));
  check(version == kFormatVersion, ErrorCode::kCheckpoint, root.where, " has format version ",
        version, ", this program reads version ", kFormatVersion);
  Manifest manifest;
  manifest.generation = integer_of<std::uint64_t>(child(root, "generation"));
  manifest.state = read_state(child(root, "state"));
  manifest.files = read_files(child(root, "files"));
  manifest.shapes = read_shapes(child(root, "parameters"));
  std::set<std::string> names;
  for (const ManifestFile& file : manifest.files) {
    check(names.insert(file.name).second, ErrorCode::kCheckpoint, root.where, " lists the file ",
          file.name, " twice");
  }
  for (const Part& item : items_of(child(root, "pieces"))) {
    manifest.pieces.push_back(read_piece(item, manifest, names));
  }
  return manifest;
}

}  // namespace

Manifest parse_manifest_body(std::string_view body, const std::string& where) {
  try {
    return read_manifest({YAML::Load(std::string(body)), where});
  } catch (const YAML::Exception& error) {
    fail(ErrorCode::kCheckpoint, where, " is not YAML: ", error.what());
  }
}

Manifest parse_manifest(std::string_view text, const std::string& where) {
  const std::size_t body_size = text.size() < kClosingSize ? 0 : text.size() - kClosingSize;
  const std::string_view closing = text.substr(body_size);
  check(closing.size() == kClosingSize && closing.starts_with(kClosingBegin) &&
            closing.ends_with("\"\n"),
        ErrorCode::kCheckpoint, where, " is cut off or damaged: of its ", text.size(),
        " bytes the last line is not its hash");
  const std::string_view body = text.substr(0, body_size);
  const std::string_view stored = closing.substr(kClosingBegin.size(), 16);
  const std::string computed = hex64(xxh3(body));
  check(stored == computed, ErrorCode::kCheckpoint, where, " is damaged: its lines have the hash ",
        computed, ", its last line says ", stored);
  return parse_manifest_body(body, where);
}

}  // namespace cogent::distributed
