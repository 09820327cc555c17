#include "core/base/error.hpp"
#include "core/text/json_member.hpp"
#include "core/text/tokenizer.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <charconv>
#include <map>
#include <set>
#include <utility>

namespace cogent::text {
namespace {

std::int32_t read_id(const json::value& value, const std::string& where) {
  check(value.is_int64(), ErrorCode::kModel, where, " is not an integer");
  const std::int64_t id = value.get_int64();
  check(id >= 0 && id < kMaxVocabulary, ErrorCode::kModel, where, " is ", id, "; ids go from 0 to ",
        kMaxVocabulary - 1);
  return static_cast<std::int32_t>(id);
}

// Puts a token at its place; places in between stay empty.
void place_token(TokenizerSpec& spec, std::int32_t id, const std::string& content,
                 const std::string& where) {
  if (static_cast<std::size_t>(id) >= spec.tokens.size()) {
    spec.tokens.resize(static_cast<std::size_t>(id) + 1);
  }
  std::string& place = spec.tokens[id];
  check(place.empty() || place == content, ErrorCode::kModel, where, ": id ", id, " is both \"",
        place, "\" and \"", content, "\"");
  place = content;
}

void read_vocabulary(const json::object& model, const std::string& where, TokenizerSpec& spec) {
  const json::object& vocabulary =
      as_object(need_member(model, "vocab", where), where + ": \"vocab\"");
  check(!vocabulary.empty(), ErrorCode::kModel, where, ": \"vocab\" is empty");
  for (const auto& [token, id] : vocabulary) {
    const std::string content(token);
    check(!content.empty(), ErrorCode::kModel, where, ": \"vocab\" has an empty token");
    place_token(spec, read_id(id, where + ": the id of token \"" + content + "\""), content, where);
  }
}

// A merge is "left right" or ["left", "right"].
std::pair<std::string, std::string> read_merge(const json::value& merge, std::size_t rank,
                                               const std::string& where) {
  if (merge.is_string()) {
    const std::string text(merge.get_string());
    const std::size_t space = text.find(' ');
    check(space != std::string::npos && text.find(' ', space + 1) == std::string::npos,
          ErrorCode::kModel, where, ": merge ", rank, " is \"", text,
          "\", not two tokens with one space between");
    return {text.substr(0, space), text.substr(space + 1)};
  }
  const bool is_pair = merge.is_array() && merge.get_array().size() == 2 &&
                       merge.get_array()[0].is_string() && merge.get_array()[1].is_string();
  check(is_pair, ErrorCode::kModel, where, ": merge ", rank, " is not a pair of tokens");
  return {std::string(merge.get_array()[0].get_string()),
          std::string(merge.get_array()[1].get_string())};
}

void read_merges(const json::object& model, const std::string& where, TokenizerSpec& spec) {
  const json::value& merges = need_member(model, "merges", where);
  check(merges.is_array(), ErrorCode::kModel, where, ": \"merges\" is not a list");
  for (const json::value& merge : merges.get_array()) {
    spec.merges.push_back(read_merge(merge, spec.merges.size(), where));
  }
}

void read_model(const json::object& model, const std::string& where, TokenizerSpec& spec) {
  // Old files have no type; the merges then tell that it is BPE.
  const std::string type = find_text(model, "type", where).value_or("BPE");
  check(type == "BPE", ErrorCode::kModel, where, ": the model is of type ", type,
        "; only byte-level BPE is supported");
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    check(find_text(model, affix, where).value_or("").empty(), ErrorCode::kModel, where, ": \"",
          affix, "\" is not supported");
  }
  check(!flag_or(model, "byte_fallback", false, where), ErrorCode::kModel, where,
        ": \"byte_fallback\" is not supported; only byte-level BPE is");
  const json::value* dropout = find_member(model, "dropout");
  check(dropout == nullptr || (dropout->is_number() && dropout->to_number<double>() == 0.0),
        ErrorCode::kModel, where, ": \"dropout\" is not supported");
  spec.ignore_merges = flag_or(model, "ignore_merges", false, where);
  spec.fuse_unk = flag_or(model, "fuse_unk", false, where);
  read_vocabulary(model, where, spec);
  read_merges(model, where, spec);
}

AddedToken read_added_token(const json::object& object, std::int32_t id, const std::string& where) {
  AddedToken token;
  token.id = id;
  token.content = need_text(object, "content", where);
  token.special = flag_or(object, "special", false, where);
  token.lstrip = flag_or(object, "lstrip", false, where);
  token.rstrip = flag_or(object, "rstrip", false, where);
  token.single_word = flag_or(object, "single_word", false, where);
  token.normalized = flag_or(object, "normalized", !token.special, where);
  return token;
}

void read_added_tokens(const json::object& root, const std::string& source, TokenizerSpec& spec) {
  const json::value* list = find_member(root, "added_tokens");
  if (list == nullptr) {
    return;
  }
  check(list->is_array(), ErrorCode::kModel, source, ": \"added_tokens\" is not a list");
  for (const json::value& entry : list->get_array()) {
    const std::string where = source + ": an added token";
    const json::object& object = as_object(entry, where);
    spec.added_tokens.push_back(read_added_token(
        object, read_id(need_member(object, "id", where), where + "'s id"), where));
  }
}

// The added tokens that only tokenizer_config.json names, by their ids as keys.
void read_added_decoder(const json::object& config, const std::string& where, TokenizerSpec& spec) {
  const json::value* decoder = find_member(config, "added_tokens_decoder");
  if (decoder == nullptr) {
    return;
  }
  std::set<std::int32_t> known;
  for (const AddedToken& token : spec.added_tokens) {
    known.insert(token.id);
  }
  for (const auto& [key, entry] : as_object(*decoder, where + ": \"added_tokens_decoder\"")) {
    std::int32_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    check(error == std::errc() && end == key.data() + key.size() && id >= 0 && id < kMaxVocabulary,
          ErrorCode::kModel, where, ": \"added_tokens_decoder\" has the key \"",
          std::string_view(key), "\", which is no token id");
    if (known.insert(id).second) {
      spec.added_tokens.push_back(
          read_added_token(as_object(entry, where + ": an added token"), id, where));
    }
  }
}

// Gives every added token its place; a content must have one id.
void place_added_tokens(const std::string& source, TokenizerSpec& spec) {
  std::map<std::string, std::int32_t> id_of;
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    id_of.emplace(spec.tokens[id], static_cast<std::int32_t>(id));
  }
  for (const AddedToken& token : spec.added_tokens) {
    check(!token.content.empty(), ErrorCode::kModel, source, ": the added token of id ", token.id,
          " is empty");
    const auto [known, fresh] = id_of.emplace(token.content, token.id);
    check(fresh || known->second == token.id, ErrorCode::kModel, source, ": the added token \"",
          token.content, "\" has the ids ", token.id, " and ", known->second);
    place_token(spec, token.id, token.content, source);
  }
}

// The id of a special token that the config names, as a string or as an object; -1 where none.
std::int32_t find_named_token(const json::object& config, const char* key, const std::string& where,
                              const TokenizerSpec& spec) {
  const json::value* value = find_member(config, key);
  if (value == nullptr) {
    return -1;
  }
  const std::string content = value->is_object() ? need_text(value->get_object(), "content", where)
                                                 : need_text(config, key, where);
  for (std::size_t id = 0; id < spec.tokens.size() && !content.empty(); ++id) {
    if (spec.tokens[id] == content) {
      return static_cast<std::int32_t>(id);
    }
  }
  fail(ErrorCode::kModel, where, ": \"", key, "\" is \"", content,
       "\", which the vocabulary lacks");
}

// `chat_template` is a text, or a list of named ones, of which "default" counts.
std::string read_chat_template(const json::object& config, const std::string& where) {
  const json::value* value = find_member(config, "chat_template");
  if (value == nullptr || !value->is_array()) {
    return find_text(config, "chat_template", where).value_or("");
  }
  for (const json::value& entry : value->get_array()) {
    const json::object& named = as_object(entry, where + ": an entry of \"chat_template\"");
    if (need_text(named, "name", where) == "default") {
      return need_text(named, "template", where);
    }
  }
  return {};
}

void read_config(const json::object& config, const std::string& where, TokenizerSpec& spec) {
  read_added_decoder(config, where, spec);
  place_added_tokens(where, spec);
  spec.bos_id = find_named_token(config, "bos_token", where, spec);
  spec.eos_id = find_named_token(config, "eos_token", where, spec);
  spec.pad_id = find_named_token(config, "pad_token", where, spec);
  spec.unk_id = find_named_token(config, "unk_token", where, spec);
  spec.chat_template = read_chat_template(config, where);
}

// A tokenizer that decodes by other rules than the byte spelling is no byte-level BPE.
void check_decoder(const json::object& root, const std::string& source) {
  const json::value* decoder = find_member(root, "decoder");
  if (decoder != nullptr) {
    const std::string type =
        need_text(as_object(*decoder, source + ": \"decoder\""), "type", source);
    check(type == "ByteLevel", ErrorCode::kModel, source, ": the decoder is of type ", type,
          "; only ByteLevel is supported");
  }
}

std::string member_json(const json::object& root, std::string_view key) {
  const json::value* value = find_member(root, key);
  return value == nullptr ? "null" : json::serialize(*value);
}

}  // namespace

TokenizerSpec parse_tokenizer_json(const std::string& tokenizer_json,
                                   const std::string& tokenizer_config_json,
                                   const std::string& source) {
  const json::value parsed = parse_json(tokenizer_json, source);
  const json::object& root = as_object(parsed, source);
  TokenizerSpec spec;
  const json::object& model = as_object(need_member(root, "model", source), source + ": \"model\"");
  read_model(model, source, spec);
  check_decoder(root, source);
  read_added_tokens(root, source, spec);
  place_added_tokens(source, spec);
  spec.pre_tokenizer = member_json(root, "pre_tokenizer");
  spec.normalizer = member_json(root, "normalizer");
  spec.model_unk_id = find_named_token(model, "unk_token", source, spec);
  if (!tokenizer_config_json.empty()) {
    const std::string where = source + " (tokenizer_config.json)";
    const json::value config = parse_json(tokenizer_config_json, where);
    read_config(as_object(config, where), where, spec);
  }
  return spec;
}

}  // namespace cogent::text
