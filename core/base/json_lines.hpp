#pragma once

#include "core/base/error.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cogent {

namespace json = boost::json;

// One JSON object of a JSON-lines source, and where it stood.
struct JsonLine {
  std::size_t number = 0;  // from 1
  json::object object;
};

// Parses one line that must hold one JSON object. An Error of kData begins with `where`.
json::object parse_json_object(std::string_view line, const std::string& where);

// Reads JSON lines; blank lines are skipped but counted. The stream must outlive the reader. A line
// that does not parse is an Error of kData that names source and line number; the reader then
// stands behind that line, so a caller may go on.
class JsonLineReader {
 public:
  JsonLineReader(std::istream& stream, std::string source);
  // The next object, or nothing at the end.
  std::optional<JsonLine> next();
  // "SOURCE line N", of the line read last: the beginning of every message about it.
  std::string where() const;
  std::size_t line_number() const { return number_; }

 private:
  std::istream& stream_;
  std::string source_;
  std::size_t number_ = 0;
  std::string text_;
};

// Every object of a JSON-lines file.
std::vector<JsonLine> read_json_lines(const std::filesystem::path& path);

// Typed members of an object; an Error of kData "WHERE: ..." names the key, what is there and what
// is needed.
std::string require_string(const json::object& object, std::string_view key,
                           const std::string& where);
std::optional<std::string> find_string(const json::object& object, std::string_view key,
                                       const std::string& where);
std::int64_t require_int(const json::object& object, std::string_view key,
                         const std::string& where);
const json::array& require_array(const json::object& object, std::string_view key,
                                 const std::string& where);
std::vector<std::string> require_strings(const json::object& object, std::string_view key,
                                         const std::string& where);
std::vector<std::int32_t> require_ids(const json::object& object, std::string_view key,
                                      const std::string& where);

// One line of JSON without the line end. Numbers that are not finite are written as null (JSON has
// no other word); others with the fewest digits that read back to the same value.
std::string to_json_line(const json::value& value);
// A float as a JSON number of at most 9 significant digits, and token ids as a JSON list.
json::value nine_digits(float value);
json::array ids_json(const std::vector<std::int32_t>& ids);

// Appends lines to a file; each append reaches the operating system before it returns.
class JsonLineFile {
 public:
  explicit JsonLineFile(const std::filesystem::path& path);
  void append(const json::value& value);

 private:
  std::filesystem::path path_;
  std::ofstream stream_;
};

// Cuts a JSON-lines file back to the lines before `first_dropped` of their integer member `key`,
// and drops a half-written last line: on resume no step stands twice. A missing file is left
// missing.
void truncate_json_lines(const std::filesystem::path& path, std::string_view key,
                         std::int64_t first_dropped);

}  // namespace cogent
