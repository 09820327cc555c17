#include "launch/filter.hpp"

#include <CLI/CLI.hpp>

#include <fstream>
#include <iostream>
#include <optional>
#include <utility>
#include <variant>

namespace cogent::launch {
namespace {

// Standard streams, or files that are opened.
class Streams {
 public:
  explicit Streams(const FilterOptions& options)
      : input_name_(options.input.empty() ? "standard input" : options.input) {
    if (!options.input.empty()) {
      input_file_.open(options.input);
      check(input_file_.good(), ErrorCode::kData, options.input, " cannot be opened for reading");
    }
    if (!options.output.empty()) {
      output_file_.open(options.output);
      check(output_file_.good(), ErrorCode::kData, options.output, " cannot be opened for writing");
    }
  }
  std::istream& input() { return input_file_.is_open() ? input_file_ : std::cin; }
  const std::string& input_name() const { return input_name_; }
  void write(const json::object& line) {
    std::ostream& out = output_file_.is_open() ? output_file_ : std::cout;
    out << to_json_line(line) << '\n';
    check(out.good(), ErrorCode::kData,
          "the output cannot be written: is the disk full, or the reader gone?");
  }
  void flush() {
    std::ostream& out = output_file_.is_open() ? output_file_ : std::cout;
    out.flush();
    check(out.good(), ErrorCode::kData,
          "the output cannot be written: is the disk full, or the reader gone?");
  }

 private:
  std::ifstream input_file_;
  std::ofstream output_file_;
  std::string input_name_;
};

// A line that read, or the reason why it did not.
using Pending = std::variant<FilterLine, std::string>;

void transform_lines(Streams& streams, std::vector<Pending>& pending, const FilterOptions& options,
                     const BatchTransform& transform) {
  std::vector<FilterLine> good;
  for (Pending& line : pending) {
    if (auto* read = std::get_if<FilterLine>(&line)) {
      good.push_back(std::move(*read));
    }
  }
  std::vector<json::object> results;
  std::vector<std::optional<std::string>> failures(good.size());
  try {
    results = transform(good);
  } catch (const Error&) {
    if (!options.keep_going) {
      throw;
    }
    results.clear();
    for (std::size_t i = 0; i < good.size(); ++i) {
      try {
        results.push_back(std::move(transform({good[i]}).front()));
      } catch (const Error& error) {
        results.emplace_back();
        failures[i] = error.what();
      }
    }
  }
  std::size_t next = 0;
  for (const Pending& line : pending) {
    if (const auto* unread = std::get_if<std::string>(&line)) {
      streams.write({{"error", *unread}});
      continue;
    }
    if (failures[next]) {
      streams.write({{"error", *failures[next]}});
    } else {
      streams.write(results[next]);
    }
    ++next;
  }
  streams.flush();
  pending.clear();
}

}  // namespace

void add_filter_options(CLI::App& command, FilterOptions& options) {
  command.add_option("--input", options.input, "JSON lines to read; standard input where absent");
  command.add_option("--output", options.output, "file to write; standard output where absent");
  command.add_flag("--keep-going", options.keep_going,
                   "write {\"error\": ...} for a bad line and go on");
}

void run_batch_filter(const FilterOptions& options, std::size_t batch,
                      const BatchTransform& transform) {
  Streams streams(options);
  JsonLineReader reader(streams.input(), streams.input_name());
  std::vector<Pending> pending;
  std::size_t index = 0;
  for (;;) {
    try {
      auto line = reader.next();
      if (!line) {
        break;
      }
      pending.push_back(FilterLine{std::move(line->object), index, reader.where()});
    } catch (const Error& error) {
      if (!options.keep_going) {
        if (!pending.empty()) {
          transform_lines(streams, pending, options,
                          transform);  // What stands before the bad line is not lost.
        }
        throw;
      }
      pending.emplace_back(std::string(error.what()));
    }
    ++index;
    if (pending.size() == batch) {
      transform_lines(streams, pending, options, transform);
    }
  }
  if (!pending.empty()) {
    transform_lines(streams, pending, options, transform);
  }
}

void run_filter(const FilterOptions& options, const LineTransform& transform) {
  run_batch_filter(options, 1, [&](const std::vector<FilterLine>& lines) {
    std::vector<json::object> results;
    for (const FilterLine& line : lines) {
      results.push_back(transform(line.object, line.index, line.where));
    }
    return results;
  });
}

}  // namespace cogent::launch
