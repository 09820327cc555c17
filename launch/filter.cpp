#include "launch/filter.hpp"

#include "launch/line_output.hpp"

#include <CLI/CLI.hpp>

#include <fstream>
#include <iostream>
#include <optional>
#include <utility>
#include <variant>

namespace cogent::launch {
namespace {

// Standard input, or a file that is opened.
class Input {
 public:
  explicit Input(const std::string& path) : name_(path.empty() ? "standard input" : path) {
    if (!path.empty()) {
      file_.open(path);
      check(file_.good(), ErrorCode::kData, path, " cannot be opened for reading");
    }
  }
  // The next line that is not blank, or nothing at the end.
  std::optional<std::string> next() {
    std::istream& stream = file_.is_open() ? file_ : std::cin;
    for (std::string line; std::getline(stream, line);) {
      ++number_;
      if (line.find_first_not_of(" \t\r") != std::string::npos) {
        return line;
      }
    }
    check(!stream.bad(), ErrorCode::kData, name_, " cannot be read behind line ", number_);
    return std::nullopt;
  }
  // "NAME line N", of the line read last.
  std::string where() const { return concat(name_, " line ", number_); }

 private:
  std::ifstream file_;
  std::string name_;
  std::size_t number_ = 0;
};

// A line that read, or the reason why it did not.
using Pending = std::variant<FilterLine, std::string>;

void transform_lines(LineOutput& output, std::vector<Pending>& pending,
                     const FilterOptions& options, const BatchTransform& transform) {
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
      output.write({{"error", *unread}});
      continue;
    }
    if (failures[next]) {
      output.write({{"error", *failures[next]}});
    } else {
      output.write(results[next]);
    }
    ++next;
  }
  output.flush();
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
                      const BatchTransform& transform, const ParseLine& parse) {
  Input input(options.input);
  LineOutput output(options.output);
  std::vector<Pending> pending;
  std::size_t index = 0;
  while (const auto text = input.next()) {
    try {
      pending.push_back(FilterLine{parse(*text, input.where()), index, input.where()});
    } catch (const Error& error) {
      if (!options.keep_going) {
        if (!pending.empty()) {
          transform_lines(output, pending, options,
                          transform);  // What stands before the bad line is not lost.
        }
        throw;
      }
      pending.emplace_back(std::string(error.what()));
    }
    ++index;
    if (pending.size() == batch) {
      transform_lines(output, pending, options, transform);
    }
  }
  if (!pending.empty()) {
    transform_lines(output, pending, options, transform);
  }
  output.finish();
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
