#include "distributed/checkpoint/manifest.hpp"

#include "core/base/error.hpp"
#include "core/base/hash.hpp"

#include <yaml-cpp/emitter.h>
#include <yaml-cpp/emittermanip.h>
#include <yaml-cpp/stlemitter.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace cogent::distributed {
namespace {

struct Quoted {
  std::string text;
};
YAML::Emitter& operator<<(YAML::Emitter& out, const Quoted& value) {
  return out << YAML::DoubleQuoted << value.text;
}

template <typename Value>
void entry(YAML::Emitter& out, const char* key, const Value& value) {
  out << YAML::Key << key << YAML::Value << value;
}

void write_state(YAML::Emitter& out, const CheckpointState& state) {
  out << YAML::Key << "state" << YAML::Value << YAML::BeginMap;
  entry(out, "step", state.step);
  entry(out, "updates", state.updates);
  entry(out, "stage", Quoted{state.stage});
  entry(out, "weights_xxh3", Quoted{hex64(state.weights_xxh3)});
  if (state.base_xxh3) {
    entry(out, "base_xxh3", Quoted{hex64(*state.base_xxh3)});
  }
  entry(out, "arithmetic_digest", Quoted{hex64(state.arithmetic_digest)});
  entry(out, "data_digest", Quoted{hex64(state.data_digest)});
  entry(out, "fingerprint", Quoted{state.fingerprint});
  out << YAML::Key << "counters" << YAML::Value << YAML::BeginMap;
  for (const auto& [name, value] : state.counters) {
    out << YAML::Key << Quoted{name} << YAML::Value << Quoted{value};
  }
  out << YAML::EndMap << YAML::EndMap;
}

void write_piece(YAML::Emitter& out, const ManifestPiece& piece) {
  out << YAML::Flow << YAML::BeginMap;
  entry(out, "file", Quoted{piece.file});
  entry(out, "kind", shard_kind_name(piece.kind));
  entry(out, "parameter", Quoted{piece.parameter});
  entry(out, "offset", piece.offset);
  entry(out, "count", piece.count);
  entry(out, "xxh3", Quoted{hex64(piece.xxh3)});
  out << YAML::EndMap;
}

}  // namespace

std::string write_manifest(const Manifest& manifest) {
  YAML::Emitter out;
  out << YAML::BeginMap;
  entry(out, "format", "cogent-checkpoint");
  entry(out, "version", kFormatVersion);
  entry(out, "generation", manifest.generation);
  write_state(out, manifest.state);
  out << YAML::Key << "files" << YAML::Value << YAML::BeginSeq;
  for (const ManifestFile& file : manifest.files) {
    out << YAML::Flow << YAML::BeginMap;
    entry(out, "name", Quoted{file.name});
    entry(out, "size", file.facts.size);
    entry(out, "xxh3", Quoted{hex64(file.facts.xxh3)});
    out << YAML::EndMap;
  }
  out << YAML::EndSeq << YAML::Key << "parameters" << YAML::Value << YAML::BeginMap;
  for (const auto& [name, shape] : manifest.shapes) {
    out << YAML::Key << Quoted{name} << YAML::Value << YAML::Flow << shape;
  }
  out << YAML::EndMap << YAML::Key << "pieces" << YAML::Value << YAML::BeginSeq;
  for (const ManifestPiece& piece : manifest.pieces) {
    write_piece(out, piece);
  }
  out << YAML::EndSeq << YAML::EndMap;
  check(out.good(), ErrorCode::kCheckpoint, kManifestName,
        " cannot be written: ", out.GetLastError());
  std::string text = out.c_str();
  text += '\n';
  return text + "manifest_xxh3: \"" + hex64(xxh3(text)) + "\"\n";
}

std::optional<Gap> first_gap(std::vector<const ManifestPiece*> pieces, std::int64_t begin,
                             std::int64_t end) {
  std::sort(pieces.begin(), pieces.end(),
            [](const ManifestPiece* left, const ManifestPiece* right) {
              return left->offset < right->offset;
            });
  std::int64_t covered = begin;
  for (const ManifestPiece* piece : pieces) {
    if (covered >= end || piece->offset > covered) {
      break;
    }
    covered = std::max(covered, piece->offset + piece->count);
  }
  if (covered >= end) {
    return std::nullopt;
  }
  const auto next = std::find_if(pieces.begin(), pieces.end(), [&](const ManifestPiece* piece) {
    return piece->offset > covered;
  });
  return Gap{covered, next == pieces.end() ? end : std::min(end, (*next)->offset)};
}

void check_coverage(const Manifest& manifest) {
  std::map<std::pair<ShardKind, std::string>, std::vector<const ManifestPiece*>> parameters;
  for (const ManifestPiece& piece : manifest.pieces) {
    parameters[{piece.kind, piece.parameter}].push_back(&piece);
  }
  for (const auto& [key, pieces] : parameters) {
    const std::string name = dataset_name(key.first, key.second);
    const std::int64_t size = parameter_size(manifest.shapes.at(key.second), name);
    if (const auto gap = first_gap(pieces, 0, size)) {
      fail(ErrorCode::kCheckpoint, "no learner holds values ", gap->begin, " to ", gap->end, " of ",
           name, ", which has ", size);
    }
    std::int64_t held = 0;
    for (const ManifestPiece* piece : pieces) {
      held += piece->count;
    }
    check(held == size, ErrorCode::kCheckpoint, "the learners hold ", held, " values of ", name,
          ", which has ", size, ": shards overlap");
  }
}

}  // namespace cogent::distributed
