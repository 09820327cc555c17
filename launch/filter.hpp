#pragma once

#include "core/base/json_lines.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace cogent::launch {

// What every filter command takes: where its JSON lines come from and go to, and what a bad line
// does.
struct FilterOptions {
  std::string input;   // empty: standard input
  std::string output;  // empty: standard output
  bool keep_going = false;
};
void add_filter_options(CLI::App& command, FilterOptions& options);

// Hands each input line to `transform` and writes what it returns, one line out for one in, in
// order. A bad line ends the command with the data status and its number, or with --keep-going
// becomes {"error": "..."} . `where` begins messages about the line; `index` counts lines from 0.
using LineTransform = std::function<json::object(const json::object& line, std::size_t index,
                                                 const std::string& where)>;
void run_filter(const FilterOptions& options, const LineTransform& transform);

// As run_filter, for commands that gain from seeing several lines at once: `transform` gets up to
// `batch` good lines and returns as many. An Error that it throws is one of a single line if it is
// thrown for a batch of one: a batch that fails is tried line by line.
struct FilterLine {
  json::object object;
  std::size_t index = 0;
  std::string where;
};
using BatchTransform =
    std::function<std::vector<json::object>(const std::vector<FilterLine>& lines)>;
// Makes the object of a line's text; an Error of kData is one of that line.
using ParseLine = std::function<json::object(std::string_view text, const std::string& where)>;
void run_batch_filter(const FilterOptions& options, std::size_t batch,
                      const BatchTransform& transform, const ParseLine& parse = parse_json_object);

}  // namespace cogent::launch
