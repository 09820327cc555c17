#include "core/text/added_tokens.hpp"

#include "core/text/utf8.hpp"

#include <unicode/uchar.h>

#include <algorithm>
#include <utility>

namespace cogent::text {
namespace {

std::uint64_t edge(std::uint32_t node, char byte) {
  return std::uint64_t{node} << 8 | static_cast<unsigned char>(byte);
}

bool is_word_character(std::uint32_t code_point) {
  const auto c = static_cast<UChar32>(code_point);
  return u_hasBinaryProperty(c, UCHAR_ALPHABETIC) || u_hasBinaryProperty(c, UCHAR_JOIN_CONTROL) ||
         (U_GET_GC_MASK(c) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0;
}

bool is_alone(std::string_view text, const Match& where) {
  const bool word_before =
      where.begin > 0 &&
      is_word_character(code_point_at(text, previous_code_point(text, where.begin)).value);
  const bool word_behind =
      where.end < text.size() && is_word_character(code_point_at(text, where.end).value);
  return !word_before && !word_behind;
}

std::size_t skip_space_left(std::string_view text, std::size_t begin) {
  while (begin > 0) {
    const std::size_t previous = previous_code_point(text, begin);
    if (!is_white_space(code_point_at(text, previous).value)) {
      break;
    }
    begin = previous;
  }
  return begin;
}

std::size_t skip_space_right(std::string_view text, std::size_t end) {
  while (end < text.size()) {
    const CodePoint point = code_point_at(text, end);
    if (!is_white_space(point.value)) {
      break;
    }
    end = point.end;
  }
  return end;
}

}  // namespace

PatternTrie::PatternTrie() : values_(1, -1) {}

void PatternTrie::add(std::string_view pattern, std::int32_t value) {
  first_bytes_.set(static_cast<unsigned char>(pattern[0]));
  std::uint32_t node = 0;
  for (const char byte : pattern) {
    const auto [child, fresh] =
        children_.try_emplace(edge(node, byte), static_cast<std::uint32_t>(values_.size()));
    if (fresh) {
      values_.push_back(-1);
    }
    node = child->second;
  }
  if (values_[node] < 0) {
    values_[node] = value;
  }
}

bool PatternTrie::find(std::string_view text, std::size_t from, Found& found) const {
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    if (!first_bytes_.test(static_cast<unsigned char>(text[begin]))) {
      continue;
    }
    std::uint32_t node = 0;
    bool matched = false;
    for (std::size_t i = begin; i < text.size(); ++i) {
      const auto child = children_.find(edge(node, text[i]));
      if (child == children_.end()) {
        break;
      }
      node = child->second;
      if (values_[node] >= 0) {
        found = {{begin, i + 1}, values_[node]};
        matched = true;
      }
    }
    if (matched) {
      return true;
    }
  }
  return false;
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, const Normalizer* normalizer)
    : tokens_(std::move(tokens)), normalizer_(normalizer) {
  // Special tokens first: they win where normalising makes two contents equal.
  std::stable_partition(tokens_.begin(), tokens_.end(),
                        [](const AddedToken& token) { return token.special; });
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const AddedToken& token = tokens_[i];
    by_id_.emplace(token.id, i);
    const std::string content = token.normalized && normalizer_ != nullptr
                                    ? normalizer_->apply(token.content)
                                    : token.content;
    if (!content.empty()) {
      (token.normalized ? normalized_ : as_it_stands_).add(content, token.id);
    }
  }
}

bool AddedTokens::is_special(std::int32_t id) const {
  const auto found = by_id_.find(id);
  return found != by_id_.end() && tokens_[found->second].special;
}

void AddedTokens::cut_by(const PatternTrie& trie, std::string_view text, SpecialText special,
                         std::vector<Segment>& out) const {
  std::size_t done = 0;
  PatternTrie::Found found{};
  for (std::size_t from = 0; trie.find(text, from, found); from = found.where.end) {
    const AddedToken& token = tokens_[by_id_.at(found.value)];
    if ((special == SpecialText::kPlain && token.special) ||
        (token.single_word && !is_alone(text, found.where))) {
      continue;
    }
    Match where = found.where;
    if (token.lstrip) {
      where.begin = std::max(skip_space_left(text, where.begin), done);
    }
    if (token.rstrip) {
      where.end = skip_space_right(text, where.end);
    }
    if (done < where.begin) {
      out.push_back({-1, std::string(text.substr(done, where.begin - done))});
    }
    out.push_back({token.id, {}});
    done = where.end;
  }
  if (done < text.size()) {
    out.push_back({-1, std::string(text.substr(done))});
  }
}

std::vector<Segment> AddedTokens::cut(std::string_view text, SpecialText special) const {
  std::vector<Segment> first;
  cut_by(as_it_stands_, text, special, first);
  std::vector<Segment> out;
  for (Segment& segment : first) {
    if (segment.id >= 0) {
      out.push_back(std::move(segment));
      continue;
    }
    cut_by(normalized_, normalizer_ == nullptr ? segment.text : normalizer_->apply(segment.text),
           special, out);
  }
  return out;
}

}  // namespace cogent::text
