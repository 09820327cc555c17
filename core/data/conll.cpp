#include "core/base/error.hpp"
#include "core/data/formats.hpp"
#include "core/ner/unicode.hpp"

#include <set>

namespace cogent::data {
namespace {

// Gathers the tokens of one sentence; columns are separated by white space, the first is the token,
// the last its tag: O, B-x, I-x, and also E-x and S-x. An I-x or E-x that continues nothing of its
// label begins a mention.
class SentenceBuilder {
 public:
  bool empty() const { return example_.sentence.empty(); }

  void add(std::string_view token, std::string_view tag, const std::string& where) {
    const bool is_outside = tag == "O";
    check(is_outside || (tag.size() > 2 && tag[1] == '-' &&
                         std::string_view("BIES").find(tag[0]) != std::string_view::npos),
          ErrorCode::kData, where, ": the tag \"", tag, "\" is not O, B-label or I-label");
    const std::string label(is_outside ? "" : tag.substr(2));
    const bool continues =
        !is_outside && (tag[0] == 'I' || tag[0] == 'E') && is_open_ && open_.label == label;
    if (!continues) {
      close();
    }
    if (!empty()) {
      example_.sentence += ' ';
    }
    example_.sentence += token;
    if (is_outside) {
      return;
    }
    open_.label = label;
    open_.text += continues ? " " : "";
    open_.text += token;
    is_open_ = true;
    if (tag[0] == 'E' || tag[0] == 'S') {
      close();
    }
  }

  Example take() {
    close();
    return std::exchange(example_, {});
  }

 private:
  void close() {
    if (is_open_) {
      example_.entities.push_back(std::exchange(open_, {}));
      is_open_ = false;
    }
  }

  Example example_;
  Mention open_;
  bool is_open_ = false;
};

}  // namespace

std::vector<Example> read_conll(std::string_view bytes, const std::filesystem::path& path) {
  const std::string text = ner::repair_utf8(bytes);
  std::vector<Example> examples;
  SentenceBuilder sentence;
  std::set<std::string> labels;
  const auto finish = [&] {
    if (!sentence.empty()) {
      examples.push_back(sentence.take());
    }
  };
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    ++number;
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    constexpr const char* kBlank = " \t\r";
    const std::size_t first = line.find_first_not_of(kBlank);
    if (first == line.npos || line.starts_with("-DOCSTART-")) {
      finish();
      continue;
    }
    const std::size_t last = line.find_last_not_of(kBlank);
    const std::size_t token_end = line.find_first_of(kBlank, first);
    check(token_end < last, ErrorCode::kData, place(path, number), ": \"", line.substr(0, 60),
          "\" has no tag behind its token");
    const std::size_t tag = line.find_last_of(kBlank, last) + 1;
    sentence.add(line.substr(first, token_end - first), line.substr(tag, last + 1 - tag),
                 place(path, number));
  }
  finish();
  for (Example& example : examples) {
    for (const Mention& mention : example.entities) {
      labels.insert(mention.label);
    }
  }
  for (Example& example : examples) {
    example.schema.assign(labels.begin(), labels.end());
    example.dataset = path.stem().string();
  }
  return examples;
}

}  // namespace cogent::data
