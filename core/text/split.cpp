#include "core/text/split.hpp"

#include "core/text/utf8.hpp"

#include <algorithm>

namespace cogent::text {
namespace {

// Delimiters in a row (or stretches between them in a row) become one stretch.
std::vector<Match> join_equal(const std::vector<Stretch>& stretches) {
  std::vector<Match> words;
  bool previous = false;
  for (const Stretch& stretch : stretches) {
    if (stretch.delimiter == previous && !words.empty()) {
      words.back().end = stretch.where.end;
    } else {
      words.push_back(stretch.where);
    }
    previous = stretch.delimiter;
  }
  return words;
}

// A delimiter joins the stretch before it, unless that is a delimiter too.
std::vector<Match> join_previous(const std::vector<Stretch>& stretches) {
  std::vector<Match> words;
  bool previous = false;
  for (const Stretch& stretch : stretches) {
    if (stretch.delimiter && !previous && !words.empty()) {
      words.back().end = stretch.where.end;
    } else {
      words.push_back(stretch.where);
    }
    previous = stretch.delimiter;
  }
  return words;
}

std::vector<Match> join_next(const std::vector<Stretch>& stretches) {
  std::vector<Match> words;
  bool next = false;
  for (auto stretch = stretches.rbegin(); stretch != stretches.rend(); ++stretch) {
    if (stretch->delimiter && !next && !words.empty()) {
      words.back().begin = stretch->where.begin;
    } else {
      words.push_back(stretch->where);
    }
    next = stretch->delimiter;
  }
  std::reverse(words.begin(), words.end());
  return words;
}

std::vector<Match> words_of(const std::vector<Stretch>& stretches, SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::kContiguous:
      return join_equal(stretches);
    case SplitBehavior::kMergedWithPrevious:
      return join_previous(stretches);
    case SplitBehavior::kMergedWithNext:
      return join_next(stretches);
    case SplitBehavior::kRemoved:
    case SplitBehavior::kIsolated:
      break;
  }
  std::vector<Match> words;
  for (const Stretch& stretch : stretches) {
    if (behavior == SplitBehavior::kIsolated || !stretch.delimiter) {
      words.push_back(stretch.where);
    }
  }
  return words;
}

}  // namespace

std::vector<Stretch> stretches_of(std::string_view text, const Regex& pattern) {
  std::vector<Stretch> stretches;
  std::size_t done = 0;
  for (const Match& match : pattern.find_all(text)) {
    if (done != match.begin) {
      stretches.push_back({{done, match.begin}, false});
    }
    stretches.push_back({match, true});
    done = match.end;
  }
  if (done != text.size()) {
    stretches.push_back({{done, text.size()}, false});
  }
  return stretches;
}

std::vector<Stretch> stretches_of(std::string_view text,
                                  const std::function<bool(std::uint32_t)>& is_delimiter) {
  std::vector<Stretch> stretches;
  std::size_t done = 0;
  for (std::size_t offset = 0; offset < text.size();) {
    const CodePoint point = code_point_at(text, offset);
    if (is_delimiter(point.value)) {
      if (done < offset) {
        stretches.push_back({{done, offset}, false});
      }
      stretches.push_back({{offset, point.end}, true});
      done = point.end;
    }
    offset = point.end;
  }
  if (done < text.size()) {
    stretches.push_back({{done, text.size()}, false});
  }
  return stretches;
}

void append_words(std::string_view text, const std::vector<Stretch>& stretches,
                  SplitBehavior behavior, Words& out) {
  for (const Match& word : words_of(stretches, behavior)) {
    if (word.begin < word.end) {
      out.emplace_back(text.substr(word.begin, word.end - word.begin));
    }
  }
}

}  // namespace cogent::text
