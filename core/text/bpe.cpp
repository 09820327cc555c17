#include "core/text/bpe.hpp"

#include "core/base/error.hpp"
#include "core/text/utf8.hpp"

#include <functional>
#include <queue>

namespace cogent::text {
namespace {

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
         static_cast<std::uint32_t>(right);
}

}  // namespace

// A possible merge of the symbol at `position` with its right neighbour: the lowest rank first, the
// leftmost of equal ones.
struct Bpe::Candidate {
  std::int32_t rank;
  int position;
  std::int32_t merged;

  bool operator>(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

Bpe::Bpe(const TokenizerSpec& spec)
    : unknown_id_(spec.model_unk_id),
      fuse_unknown_(spec.fuse_unk),
      ignore_merges_(spec.ignore_merges) {
  ids_.reserve(spec.tokens.size());
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    if (!spec.tokens[id].empty()) {
      ids_.try_emplace(spec.tokens[id], static_cast<std::int32_t>(id));
    }
  }
  rules_.reserve(spec.merges.size());
  for (std::size_t rank = 0; rank < spec.merges.size(); ++rank) {
    const auto& [left, right] = spec.merges[rank];
    const auto left_id = token_id(left);
    const auto right_id = token_id(right);
    const auto merged_id = token_id(left + right);
    check(left_id && right_id && merged_id, ErrorCode::kModel, "merge ", rank,
          " of the tokenizer, \"", left, "\" with \"", right, "\", needs the token \"",
          !left_id    ? left
          : !right_id ? right
                      : left + right,
          "\", which the vocabulary lacks");
    rules_.insert_or_assign(pair_key(*left_id, *right_id),
                            Rule{static_cast<std::int32_t>(rank), *merged_id});
  }
  for (std::uint32_t c = 0; c < kByteLevelEnd; ++c) {
    std::string character;
    append_utf8(character, c);
    character_ids_[c] = token_id(character).value_or(-1);
  }
}

std::optional<std::int32_t> Bpe::token_id(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

const Bpe::Rule* Bpe::find_rule(std::int32_t left, std::int32_t right) const {
  const auto found = rules_.find(pair_key(left, right));
  return found == rules_.end() ? nullptr : &found->second;
}

std::vector<Bpe::Symbol> Bpe::symbols_of(std::string_view word) const {
  std::vector<Symbol> symbols;
  bool after_unknown = false;
  const auto push = [&symbols](std::int32_t id) {
    const int at = static_cast<int>(symbols.size());
    symbols.push_back({id, at - 1, at + 1, true});
  };
  for (std::size_t offset = 0; offset < word.size();) {
    const CodePoint point = code_point_at(word, offset);
    const std::int32_t id = point.value < kByteLevelEnd ? character_ids_[point.value] : -1;
    if (id >= 0) {
      push(id);
    } else if (unknown_id_ >= 0 && !(fuse_unknown_ && after_unknown)) {
      push(unknown_id_);
    }
    after_unknown = id < 0;
    offset = point.end;
  }
  if (!symbols.empty()) {
    symbols.back().next = -1;
  }
  return symbols;
}

void Bpe::merge(std::vector<Symbol>& symbols) const {
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto consider = [&](int left) {
    const int right = symbols[left].next;
    if (const Rule* rule = find_rule(symbols[left].id, symbols[right].id)) {
      queue.push({rule->rank, left, rule->merged});
    }
  };
  for (int i = 0; i + 1 < static_cast<int>(symbols.size()); ++i) {
    consider(i);
  }
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    Symbol& left = symbols[top.position];
    if (!left.alive || left.next < 0) {
      continue;
    }
    Symbol& right = symbols[left.next];
    // The pair may have changed since the candidate was noted.
    const Rule* rule = find_rule(left.id, right.id);
    if (rule == nullptr || rule->merged != top.merged) {
      continue;
    }
    left.id = top.merged;
    left.next = right.next;
    right.alive = false;
    if (left.next >= 0) {
      symbols[left.next].previous = top.position;
      consider(top.position);
    }
    if (left.previous >= 0) {
      consider(left.previous);
    }
  }
}

void Bpe::encode(std::string_view word, std::vector<std::int32_t>& ids) const {
  if (ignore_merges_) {
    if (const auto id = token_id(word)) {
      ids.push_back(*id);
      return;
    }
  }
  std::vector<Symbol> symbols = symbols_of(word);
  merge(symbols);
  for (int i = symbols.empty() ? -1 : 0; i >= 0; i = symbols[i].next) {
    ids.push_back(symbols[i].id);
  }
}

}  // namespace cogent::text
