#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::ner {

enum class JsonKind { kNull, kBoolean, kNumber, kString, kArray, kObject };

struct PythonJsonMember;

// A value as Python's json.loads would build it.
struct PythonJson {
  JsonKind kind = JsonKind::kNull;
  std::string text;  // a string's content in generalised UTF-8; else the literal as it stands
  std::vector<PythonJson> items;          // of an array
  std::vector<PythonJsonMember> members;  // of an object: each key once
  std::size_t line = 1;                   // where the value begins, from 1

  // The member of this key, or null. Linear.
  const PythonJson* find(std::string_view key) const;
};

struct PythonJsonMember {
  std::string key;
  PythonJson value;
};

// The value, or why there is none.
struct PythonJsonResult {
  std::optional<PythonJson> value;
  std::string error;     // empty where there is a value
  std::size_t line = 1;  // of the error
};

// Arrays and objects within each other, at most: what CPython 3.11 reads before its RecursionError.
inline constexpr int kMaxJsonDepth = 995;
// Digits of an integer, at most: beyond them CPython's conversion fails.
inline constexpr std::size_t kMaxIntegerDigits = 4300;

// Reads text as Python's json.loads does: NaN, Infinity and -Infinity are numbers; lone surrogate
// escapes stand; of equal keys the last value wins and the first place is kept; a control character
// in a string, a byte-order mark, or anything behind the value is an error. Bytes that are not
// UTF-8 are first repaired with U+FFFD. Total: any bytes give a value or an error, in linear time
// and bounded depth.
PythonJsonResult parse_python_json(std::string_view bytes);

// A string as json.dumps(text, ensure_ascii=False) writes it, quotes included.
std::string dump_python_string(std::string_view text);

}  // namespace cogent::ner
