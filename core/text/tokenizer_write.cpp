#include "core/text/json_member.hpp"
#include "core/text/tokenizer.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace cogent::text {
namespace {

json::object added_token_json(const AddedToken& token) {
  return {{"content", token.content},       {"single_word", token.single_word},
          {"lstrip", token.lstrip},         {"rstrip", token.rstrip},
          {"normalized", token.normalized}, {"special", token.special}};
}

// In the order of the ids, which is the order in which readers give them out.
std::vector<AddedToken> sorted_by_id(std::vector<AddedToken> tokens) {
  std::sort(tokens.begin(), tokens.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  return tokens;
}

// Pairs as "left right", which every version reads, unless a token holds a space.
json::array merges_json(const TokenizerSpec& spec) {
  const bool has_space = std::any_of(spec.merges.begin(), spec.merges.end(), [](const auto& merge) {
    return merge.first.find(' ') != std::string::npos ||
           merge.second.find(' ') != std::string::npos;
  });
  json::array merges;
  merges.reserve(spec.merges.size());
  for (const auto& [left, right] : spec.merges) {
    if (has_space) {
      merges.emplace_back(json::array{left, right});
    } else {
      merges.emplace_back(left + ' ' + right);
    }
  }
  return merges;
}

json::object model_json(const TokenizerSpec& spec) {
  json::object vocabulary;
  vocabulary.reserve(spec.tokens.size());
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    if (!spec.tokens[id].empty()) {
      vocabulary.emplace(spec.tokens[id], static_cast<std::int64_t>(id));
    }
  }
  json::value unknown = nullptr;
  if (spec.model_unk_id >= 0) {
    unknown = json::value(spec.tokens.at(spec.model_unk_id));
  }
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", unknown},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", spec.fuse_unk},
          {"byte_fallback", false},
          {"ignore_merges", spec.ignore_merges},
          {"vocab", std::move(vocabulary)},
          {"merges", merges_json(spec)}};
}

}  // namespace

std::string write_tokenizer_json(const TokenizerSpec& spec) {
  json::array added;
  for (const AddedToken& token : sorted_by_id(spec.added_tokens)) {
    json::object entry = {{"id", token.id}};
    for (auto& member : added_token_json(token)) {
      entry.insert(member);
    }
    added.push_back(std::move(entry));
  }
  const json::object byte_level = {{"type", "ByteLevel"},
                                   {"add_prefix_space", true},
                                   {"trim_offsets", true},
                                   {"use_regex", true}};
  const json::object root = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", std::move(added)},
      {"normalizer", parse_json(spec.normalizer, "the tokenizer's normalizer")},
      {"pre_tokenizer", parse_json(spec.pre_tokenizer, "the tokenizer's pre_tokenizer")},
      {"post_processor", nullptr},
      {"decoder", byte_level},
      {"model", model_json(spec)}};
  return json::serialize(root);
}

std::string write_tokenizer_config_json(const TokenizerSpec& spec) {
  json::object decoder;
  for (const AddedToken& token : sorted_by_id(spec.added_tokens)) {
    decoder.emplace(std::to_string(token.id), added_token_json(token));
  }
  // The class that takes tokenizer.json as it stands.
  json::object config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                         {"added_tokens_decoder", std::move(decoder)},
                         {"clean_up_tokenization_spaces", false}};
  const auto name_token = [&](const char* key, std::int32_t id) {
    if (id >= 0) {
      config.emplace(key, spec.tokens.at(id));
    }
  };
  name_token("bos_token", spec.bos_id);
  name_token("eos_token", spec.eos_id);
  name_token("pad_token", spec.pad_id);
  name_token("unk_token", spec.unk_id);
  if (!spec.chat_template.empty()) {
    config.emplace("chat_template", spec.chat_template);
  }
  return json::serialize(config);
}

}  // namespace cogent::text
