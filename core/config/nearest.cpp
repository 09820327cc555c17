#include "core/config/schema.hpp"

#include <algorithm>

namespace cogent {
namespace {

// Longer names are compared by their beginning: no key comes near this length, and a hostile name
// must not cost time.
constexpr std::size_t kComparedLength = 64;

// Letters to insert, delete or replace between two words (Levenshtein).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

std::string_view behind_last_dot(std::string_view name) {
  return name.substr(name.rfind('.') + 1);
}

// The right word in the wrong section counts as one slip: `lr` is nearest to `optimizer.lr`.
std::size_t distance(std::string_view given, std::string_view known) {
  return std::min(edit_distance(given, known),
                  edit_distance(behind_last_dot(given), behind_last_dot(known)) + 1);
}

}  // namespace

std::string_view nearest_of(std::string_view name, std::span<const std::string_view> known) {
  name = name.substr(0, kComparedLength);
  std::string_view best;
  std::size_t best_distance = std::string_view::npos;
  for (const std::string_view candidate : known) {
    const std::size_t d = distance(name, candidate);
    if (!candidate.empty() && d < best_distance) {
      best = candidate;
      best_distance = d;
    }
  }
  return best;
}

std::string_view nearest_name(std::string_view name) {
  std::vector<std::string_view> known;
  for (const Key& key : schema()) {
    known.push_back(key.name);
    known.push_back(key.section());
  }
  known.push_back(kPresetKey);
  return nearest_of(name, known);
}

}  // namespace cogent
