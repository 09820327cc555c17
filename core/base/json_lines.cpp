#include "core/base/json_lines.hpp"

#include "core/base/files.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <charconv>
#include <cmath>
#include <istream>
#include <limits>

namespace cogent {
namespace {

const char* kind_name(json::kind kind) {
  switch (kind) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "a Boolean";
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      return "a number";
    case json::kind::string:
      return "a string";
    case json::kind::array:
      return "a list";
    case json::kind::object:
      return "an object";
  }
  return "nothing";
}

const json::value& require(const json::object& object, std::string_view key,
                           const std::string& where) {
  const json::value* value = object.if_contains(key);
  check(value != nullptr, ErrorCode::kData, where, ": \"", key, "\" is missing");
  return *value;
}

[[noreturn]] void wrong_kind(const std::string& where, std::string_view key,
                             const json::value& value, const char* needed) {
  fail(ErrorCode::kData, where, ": \"", key, "\" is ", kind_name(value.kind()), ", ", needed,
       " is needed");
}

// Boost.JSON writes a double as 1E0 and has no way to choose the digits: numbers are written here.
void append_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char digits[32];
  const auto single = static_cast<float>(value);
  // A double that is a float exactly is written as that float: 9 digits at most read it back.
  const auto end = static_cast<double>(single) == value
                       ? std::to_chars(digits, digits + sizeof digits, single)
                       : std::to_chars(digits, digits + sizeof digits, value);
  out.append(digits, end.ptr);
}

void append_json(std::string& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::double_:
      append_number(out, value.get_double());
      break;
    case json::kind::array: {
      out += '[';
      bool first = true;
      for (const json::value& member : value.get_array()) {
        if (!first) {
          out += ',';
        }
        first = false;
        append_json(out, member);
      }
      out += ']';
      break;
    }
    case json::kind::object: {
      out += '{';
      bool first = true;
      for (const auto& member : value.get_object()) {
        if (!first) {
          out += ',';
        }
        first = false;
        out += json::serialize(json::string(member.key()));
        out += ':';
        append_json(out, member.value());
      }
      out += '}';
      break;
    }
    default:
      out += json::serialize(value);
  }
}

}  // namespace

json::object parse_json_object(std::string_view line, const std::string& where) {
  json::error_code failure;
  json::value value = json::parse(line, failure);
  check(!failure, ErrorCode::kData, where, ": not JSON (", failure.message(),
        "): ", line.substr(0, 60), line.size() > 60 ? "..." : "");
  check(value.is_object(), ErrorCode::kData, where, ": ", kind_name(value.kind()),
        " stands where an object is needed");
  return std::move(value.get_object());
}

JsonLineReader::JsonLineReader(std::istream& stream, std::string source)
    : stream_(stream), source_(std::move(source)) {}

std::optional<JsonLine> JsonLineReader::next() {
  while (std::getline(stream_, text_)) {
    ++number_;
    if (text_.find_first_not_of(" \t\r") == std::string::npos) {
      continue;
    }
    return JsonLine{number_, parse_json_object(text_, where())};
  }
  check(!stream_.bad(), ErrorCode::kData, source_, " cannot be read behind line ", number_);
  return std::nullopt;
}

std::string JsonLineReader::where() const {
  return concat(source_, " line ", number_);
}

std::vector<JsonLine> read_json_lines(const std::filesystem::path& path) {
  std::istringstream stream(read_file(path, ErrorCode::kData));
  JsonLineReader reader(stream, path.string());
  std::vector<JsonLine> lines;
  while (auto line = reader.next()) {
    lines.push_back(std::move(*line));
  }
  return lines;
}

std::string require_string(const json::object& object, std::string_view key,
                           const std::string& where) {
  const json::value& value = require(object, key, where);
  if (!value.is_string()) {
    wrong_kind(where, key, value, "a string");
  }
  return std::string(value.get_string());
}

std::optional<std::string> find_string(const json::object& object, std::string_view key,
                                       const std::string& where) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) {
    return std::nullopt;
  }
  return require_string(object, key, where);
}

std::int64_t require_int(const json::object& object, std::string_view key,
                         const std::string& where) {
  const json::value& value = require(object, key, where);
  if (!value.is_int64()) {
    wrong_kind(where, key, value, "an integer");
  }
  return value.get_int64();
}

const json::array& require_array(const json::object& object, std::string_view key,
                                 const std::string& where) {
  const json::value& value = require(object, key, where);
  if (!value.is_array()) {
    wrong_kind(where, key, value, "a list");
  }
  return value.get_array();
}

std::vector<std::string> require_strings(const json::object& object, std::string_view key,
                                         const std::string& where) {
  std::vector<std::string> strings;
  for (const json::value& member : require_array(object, key, where)) {
    check(member.is_string(), ErrorCode::kData, where, ": \"", key, "\" holds ",
          kind_name(member.kind()), ", strings are needed");
    strings.emplace_back(member.get_string());
  }
  return strings;
}

std::vector<std::int32_t> require_ids(const json::object& object, std::string_view key,
                                      const std::string& where) {
  std::vector<std::int32_t> ids;
  for (const json::value& member : require_array(object, key, where)) {
    check(member.is_int64() && member.get_int64() >= 0 &&
              member.get_int64() <= std::numeric_limits<std::int32_t>::max(),
          ErrorCode::kData, where, ": \"", key, "\" holds ", json::serialize(member),
          ", token ids are needed");
    ids.push_back(static_cast<std::int32_t>(member.get_int64()));
  }
  return ids;
}

std::string to_json_line(const json::value& value) {
  std::string line;
  append_json(line, value);
  return line;
}

json::value nine_digits(float value) {
  return static_cast<double>(value);
}

json::array ids_json(const std::vector<std::int32_t>& ids) {
  json::array out;
  out.reserve(ids.size());
  for (const std::int32_t id : ids) {
    out.push_back(id);
  }
  return out;
}

JsonLineFile::JsonLineFile(const std::filesystem::path& path)
    : path_(path), stream_(path, std::ios::app) {
  check(stream_.good(), ErrorCode::kData, path.string(), " cannot be opened for writing");
}

void JsonLineFile::append(const json::value& value) {
  stream_ << to_json_line(value) + "\n" << std::flush;
  check(stream_.good(), ErrorCode::kData, path_.string(), " cannot be written: is the disk full?");
}

void truncate_json_lines(const std::filesystem::path& path, std::string_view key,
                         std::int64_t first_dropped) {
  if (!std::filesystem::exists(path)) {
    return;
  }
  const std::string text = read_file(path, ErrorCode::kData);
  std::size_t kept = 0;
  std::size_t number = 0;
  while (kept < text.size()) {
    const std::size_t end = text.find('\n', kept);
    if (end == std::string::npos) {
      break;  // A half-written line.
    }
    ++number;
    const std::string where = concat(path.string(), " line ", number);
    const json::object line =
        parse_json_object(std::string_view(text).substr(kept, end - kept), where);
    if (require_int(line, key, where) >= first_dropped) {
      break;
    }
    kept = end + 1;
  }
  if (kept != text.size()) {
    write_file_atomic(path, std::string_view(text).substr(0, kept), ErrorCode::kData);
  }
}

}  // namespace cogent
