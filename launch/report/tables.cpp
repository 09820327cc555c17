#include "launch/report/tables.hpp"

#include "launch/report/markup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

namespace cogent::launch {
namespace {

constexpr std::size_t kWordColumns = 2;

// A column of numbers: its JSON key, its head in a table, and how it is shown.
struct Column {
  const char* key;
  const char* head;
  int decimals;
};

constexpr Column kEvaluationColumns[] = {
    {"mean_f1", "mean F1", 2},
    {"precision", "precision", 2},
    {"recall", "recall", 2},
    {"f1", "micro F1", 2},
    {"format_rate", "format", 2},
    {"reward", "reward", 3},
    {"completion_length", "length", 1},
    {"loss", "loss", 4},
};
constexpr Column kTrainingColumns[] = {
    {"steps", "steps", 0},
    {"loss_first", "first loss", 4},
    {"loss_last", "last loss", 4},
    {"reward_first", "first reward", 3},
    {"reward_last", "last reward", 3},
    {"tokens_per_second", "tokens/s", 0},
    {"seconds", "seconds", 1},
};

constexpr Column kSamplingColumns[] = {
    {"sampled_tokens", "tokens", 0},   {"sampling_tokens_per_second", "tokens/s", 0},
    {"drafted_tokens", "drafted", 0},  {"draft_acceptance", "accepted", 2},
    {"preemptions", "preemptions", 0}, {"recomputed_rows", "rows again", 0},
    {"kv_pages_peak", "KV pages", 0},  {"kv_pages", "of", 0},
};

// One row of a table before it is shown.
struct Row {
  std::string run;
  std::string kind;  // split or stage
  std::vector<std::optional<double>> values;
};

std::vector<double> values_of(std::span<const json::object> lines, std::string_view key) {
  std::vector<double> values;
  for (const json::object& line : lines) {
    if (const auto value = find_number(line, key)) {
      values.push_back(*value);
    }
  }
  return values;
}

double sum(std::span<const double> values) {
  double total = 0;
  for (const double value : values) {
    total += value;
  }
  return total;
}

std::optional<double> mean(std::span<const double> values) {
  if (values.empty()) {
    return std::nullopt;
  }
  return sum(values) / static_cast<double>(values.size());
}

std::size_t tenth(std::span<const double> values) {
  return (values.size() + 9) / 10;
}

Row evaluation_row(const RunRecord& run, std::string split, const json::object& evaluation) {
  Row row{run.name, std::move(split), {}};
  for (const Column& column : kEvaluationColumns) {
    row.values.push_back(find_number(evaluation, column.key));
  }
  return row;
}

std::vector<Row> evaluation_rows(std::span<const RunRecord> runs) {
  std::vector<Row> rows;
  for (const RunRecord& run : runs) {
    if (run.evaluation) {
      rows.push_back(evaluation_row(run, find_text(*run.evaluation, "split"), *run.evaluation));
    }
    for (const json::object& evaluation : run.evaluations) {
      const std::string split = "dev, step " + show_fixed(find_number(evaluation, "step"), 0);
      if (&evaluation == &run.evaluations.back()) {
        rows.push_back(evaluation_row(run, split, evaluation));
      } else if (run.best && find_number(evaluation, "step") == run.best->step) {
        rows.push_back(evaluation_row(run, split + " (best saved)", evaluation));
      }
    }
  }
  return rows;
}

std::vector<Row> training_rows(std::span<const RunRecord> runs) {
  std::vector<Row> rows;
  for (const RunRecord& run : runs) {
    if (run.metrics.empty()) {
      continue;
    }
    const std::vector<double> loss = values_of(run.metrics, "loss");
    const std::vector<double> reward = values_of(run.metrics, "reward");
    const double seconds = sum(values_of(run.metrics, "seconds"));
    const double tokens = sum(values_of(run.metrics, "tokens"));
    const auto rate = seconds > 0 ? std::optional<double>(tokens / seconds) : std::nullopt;
    const auto first = [](std::span<const double> all) { return mean(all.first(tenth(all))); };
    const auto last = [](std::span<const double> all) { return mean(all.last(tenth(all))); };
    rows.push_back({run.name,
                    find_text(run.metrics.front(), "stage"),
                    {static_cast<double>(run.metrics.size()), first(loss), last(loss),
                     first(reward), last(reward), rate, seconds}});
  }
  return rows;
}

// The steps of a run as one. The rates are means over its tokens: of those drawn, and of those
// drafted.
std::vector<std::optional<double>> summed_sampling(std::span<const json::object> lines) {
  double tokens = 0, seconds = 0, drafted = 0, accepted = 0, preemptions = 0, rows = 0;
  double pages = 0, pages_peak = 0;
  for (const json::object& line : lines) {
    const auto number = [&](const char* key) { return find_number(line, key).value_or(0); };
    const double rate = number("sampling_tokens_per_second");
    tokens += number("sampled_tokens");
    seconds += rate > 0 ? number("sampled_tokens") / rate : 0;
    drafted += number("drafted_tokens");
    accepted += number("drafted_tokens") * number("draft_acceptance");
    preemptions += number("preemptions");
    rows += number("recomputed_rows");
    pages = std::max(pages, number("kv_pages"));
    pages_peak = std::max(pages_peak, number("kv_pages_peak"));
  }
  const auto share = [](double part, double whole) {
    return whole > 0 ? std::optional(part / whole) : std::nullopt;
  };
  return {tokens,      share(tokens, seconds),
          drafted,     share(accepted, drafted),
          preemptions, rows,
          pages_peak,  pages};
}

std::vector<Row> sampling_rows(std::span<const RunRecord> runs) {
  std::vector<Row> rows;
  for (const RunRecord& run : runs) {
    if (run.sampling) {
      rows.push_back({run.name, "evaluate", summed_sampling(std::span(&*run.sampling, 1))});
    }
    if (!values_of(run.metrics, "sampled_tokens").empty()) {
      rows.push_back(
          {run.name, find_text(run.metrics.front(), "stage"), summed_sampling(run.metrics)});
    }
  }
  return rows;
}

Table make_table(const char* kind_head, std::span<const Column> columns,
                 const std::vector<Row>& rows) {
  Table table{{"run", kind_head}, {}};
  for (const Column& column : columns) {
    table.header.emplace_back(column.head);
  }
  for (const Row& row : rows) {
    std::vector<std::string>& cells =
        table.rows.emplace_back(std::vector{row.run, row.kind.empty() ? "-" : row.kind});
    for (std::size_t i = 0; i < columns.size(); ++i) {
      cells.push_back(show_fixed(row.values[i], columns[i].decimals));
    }
  }
  return table;
}

json::array rows_json(const char* kind_key, std::span<const Column> columns,
                      const std::vector<Row>& rows) {
  json::array array;
  for (const Row& row : rows) {
    json::object object = {{"run", row.run}, {kind_key, row.kind}};
    for (std::size_t i = 0; i < columns.size(); ++i) {
      object[columns[i].key] = row.values[i] ? json::value(*row.values[i]) : json::value(nullptr);
    }
    array.push_back(std::move(object));
  }
  return array;
}

}  // namespace

Table evaluation_table(std::span<const RunRecord> runs) {
  return make_table("split", kEvaluationColumns, evaluation_rows(runs));
}

Table training_table(std::span<const RunRecord> runs) {
  return make_table("stage", kTrainingColumns, training_rows(runs));
}

Table sampling_table(std::span<const RunRecord> runs) {
  return make_table("stage", kSamplingColumns, sampling_rows(runs));
}

std::string to_text(const Table& table) {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < table.header.size(); ++i) {
    widths.push_back(table.header[i].size());
    for (const auto& row : table.rows) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      text += i < kWordColumns ? fmt::format("{:<{}}  ", cells[i], widths[i])
                               : fmt::format("{:>{}}  ", cells[i], widths[i]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  };
  add_line(table.header);
  for (const auto& row : table.rows) {
    add_line(row);
  }
  return text;
}

json::object summary_json(std::span<const RunRecord> runs) {
  json::array best;
  for (const RunRecord& run : runs) {
    if (run.best) {
      best.push_back(
          {{"run", run.name}, {"step", run.best->step}, {"checkpoint", run.best->folder.string()}});
    }
  }
  return {{"evaluations", rows_json("split", kEvaluationColumns, evaluation_rows(runs))},
          {"training", rows_json("stage", kTrainingColumns, training_rows(runs))},
          {"sampling", rows_json("stage", kSamplingColumns, sampling_rows(runs))},
          {"best", std::move(best)}};
}

}  // namespace cogent::launch
