#include "launch/report/page.hpp"

#include "launch/report/chart.hpp"
#include "launch/report/markup.hpp"
#include "launch/report/style.hpp"
#include "launch/report/tables.hpp"

#include <fmt/format.h>

#include <utility>

namespace cogent::launch {
namespace {

struct Measure {
  const char* key;
  const char* title;
};

constexpr Measure kMeasures[] = {
    {"loss", "Loss"},
    {"reward", "Reward"},
    {"kl", "KL to the reference"},
    {"entropy", "Entropy"},
    {"grad_norm", "Gradient norm"},
    {"completion_length", "Completion length (tokens)"},
};

std::string table_html(const Table& table) {
  std::string html = "<div class=\"scroll\"><table><thead><tr>";
  for (const std::string& cell : table.header) {
    html += "<th>" + escape_markup(cell) + "</th>";
  }
  html += "</tr></thead><tbody>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (const std::string& cell : row) {
      html += "<td>" + escape_markup(cell) + "</td>";
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::vector<ChartPoint> points_of(std::span<const json::object> lines, const char* key) {
  std::vector<ChartPoint> points;
  for (const json::object& line : lines) {
    const auto step = find_number(line, "step");
    const auto value = find_number(line, key);
    if (step && value) {
      points.push_back({*step, *value});
    }
  }
  return points;
}

std::string charts_html(const RunRecord& run) {
  std::string html;
  for (const Measure& measure : kMeasures) {
    html += to_svg({measure.title, points_of(run.metrics, measure.key), ChartStyle::kNoisy});
  }
  html += to_svg(
      {"Loss on the development set", points_of(run.evaluations, "loss"), ChartStyle::kMarked});
  html += to_svg({"F1 on the development set (percent)", points_of(run.evaluations, "mean_f1"),
                  ChartStyle::kMarked});
  if (html.empty()) {
    return "";
  }
  return "<div class=\"charts\">\n" + html + "</div>\n";
}

std::string entity_html(std::string_view text, std::string_view label) {
  return fmt::format("<span class=\"entity\">{} <i>{}</i></span>", escape_markup(text),
                     escape_markup(label));
}

// Entities as a list of {"text", "label"}; anything else in the list is shown as the JSON it is.
std::string entities_html(const json::object& prediction, const char* key, const char* css_class) {
  const json::value* entities = prediction.if_contains(key);
  if (entities == nullptr || !entities->is_array()) {
    return "";
  }
  std::string html = fmt::format("<p class=\"{0}\"><span class=\"name\">{0}</span>", css_class);
  if (entities->get_array().empty()) {
    html += "<span class=\"quiet\">none</span>";
  }
  for (const json::value& entity : entities->get_array()) {
    if (entity.is_object() && entity.get_object().contains("text")) {
      html += entity_html(find_text(entity.get_object(), "text"),
                          find_text(entity.get_object(), "label"));
    } else {
      html += entity_html(to_json_line(entity), "");
    }
  }
  return html + "</p>\n";
}

std::string prediction_html(const json::object& prediction) {
  std::string html =
      "<div class=\"sample\">\n<p>" + escape_markup(find_text(prediction, "sentence")) + "</p>\n";
  html += entities_html(prediction, "entities", "gold");
  html += entities_html(prediction, "predicted", "predicted");
  const std::string completion = find_text(prediction, "completion");
  if (!completion.empty()) {
    html += "<details><summary>completion</summary><pre>" + escape_markup(completion) +
            "</pre></details>\n";
  }
  return html + "</div>\n";
}

std::string run_html(const RunRecord& run) {
  std::string html = "<h2>" + escape_markup(run.name) + "</h2>\n";
  if (run.evaluation) {
    html += "<p class=\"quiet\">Evaluation of " +
            escape_markup(find_text(*run.evaluation, "model")) + "</p>\n";
  } else if (run.metrics.empty()) {
    html += "<p class=\"quiet\">No step is finished yet.</p>\n";
  }
  if (run.unread_lines > 0) {
    html +=
        fmt::format("<p>{} lines are no JSON objects and were left out.</p>\n", run.unread_lines);
  }
  if (run.best) {
    html += "<p>Best evaluated checkpoint: " + escape_markup(run.best->folder.filename().string()) +
            "</p>\n";
  }
  html += charts_html(run);
  if (!run.predictions.empty()) {
    html += "<h3>Predictions <span class=\"quiet\">the first of " +
            escape_markup(run.predictions_file) + "</span></h3>\n";
    for (const json::object& prediction : run.predictions) {
      html += prediction_html(prediction);
    }
  }
  return html + "<details><summary>config.yaml</summary><pre>" + escape_markup(run.config) +
         "</pre></details>\n";
}

}  // namespace

std::string report_page(const std::string& title, std::span<const RunRecord> runs) {
  std::string body;
  const Table evaluations = evaluation_table(runs);
  const Table training = training_table(runs);
  if (runs.empty()) {
    body += "<p>There are no runs here.</p>\n";
  }
  if (!evaluations.rows.empty()) {
    body += "<h2>Evaluations</h2>\n" + table_html(evaluations);
    body +=
        "<p class=\"quiet\">Mean F1 is over the data sets, micro F1 over all examples. These, "
        "precision, recall and format in percent; length in tokens; loss in nats a token.</p>\n";
  }
  if (!training.rows.empty()) {
    body += "<h2>Training</h2>\n" + table_html(training);
    body +=
        "<p class=\"quiet\">First and last are means of the first and the last tenth of the steps. "
        "In a chart the pale line is every step, the other one a running mean.</p>\n";
  }
  if (const Table sampling = sampling_table(runs); !sampling.rows.empty()) {
    body += "<h2>Sampling</h2>\n" + table_html(sampling);
    body +=
        "<p class=\"quiet\">Tokens/s of all workers together. Accepted is the share of the drafted "
        "tokens; rows again were computed anew behind preemptions; KV pages are the most that were "
        "in use at a time.</p>\n";
  }
  for (const RunRecord& run : runs) {
    body += run_html(run);
  }
  const std::string name = escape_markup(title);
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
         name + "</title>\n<style>" + kReportStyle + "</style>\n</head>\n<body>\n<h1>" + name +
         "</h1>\n" + body + "</body>\n</html>\n";
}

}  // namespace cogent::launch
