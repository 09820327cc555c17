#include "core/base/error.hpp"
#include "core/text/jinja_evaluator.hpp"

namespace cogent::text::jinja {

void Evaluator::append(std::string& out, const std::string& text) {
  out += text;
  constexpr std::size_t kMaxOutput = std::size_t{64} << 20;  // bytes
  if (out.size() > kMaxOutput) {
    refuse(concat("it writes more than ", kMaxOutput, " bytes"));
  }
  charge(1 + text.size() / 16);
}

Evaluator::Flow Evaluator::run(const Body& body, std::string& out) {
  const Level level(*this);
  for (const Statement& statement : body) {
    const Flow flow = run(statement, out);
    if (flow != Flow::kGoOn) {
      return flow;
    }
  }
  return Flow::kGoOn;
}

Evaluator::Flow Evaluator::run(const Statement& statement, std::string& out) {
  charge(1);
  line_ = statement.line;
  switch (statement.kind) {
    case StatementKind::kText:
      append(out, statement.text);
      break;
    case StatementKind::kOutput:
      append(out, text_of(evaluate(*statement.value)));
      break;
    case StatementKind::kIf:
      return run_if(statement, out);
    case StatementKind::kFor:
      run_for(statement, out);
      break;
    case StatementKind::kSet:
      run_set(statement);
      break;
    case StatementKind::kSetBlock: {
      std::string text;
      const Flow flow = run(statement.body, text);
      frames_.back().insert_or_assign(statement.names[0], make_string(std::move(text)));
      return flow;
    }
    case StatementKind::kMacro:
      frames_.back().insert_or_assign(statement.text,
                                      Value::function({statement.text, nullptr, &statement}));
      break;
    case StatementKind::kBlock:
      return run(statement.body, out);
    case StatementKind::kBreak:
      return Flow::kBreak;
    case StatementKind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kGoOn;
}

Evaluator::Flow Evaluator::run_if(const Statement& statement, std::string& out) {
  for (const Branch& branch : statement.branches) {
    if (branch.condition == nullptr || is_true(evaluate(*branch.condition))) {
      return run(branch.body, out);
    }
  }
  return Flow::kGoOn;
}

void Evaluator::bind(const std::vector<std::string>& names, const Value& value) {
  if (names.size() == 1) {
    frames_.back().insert_or_assign(names[0], value);
    return;
  }
  const std::vector<Value> parts = items_of(value);
  if (parts.size() != names.size()) {
    refuse(concat(names.size(), " variables are to be set from ", parts.size(), " values"));
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    frames_.back().insert_or_assign(names[i], parts[i]);
  }
}

namespace {

Dict loop_variables(const std::vector<Value>& items, std::size_t i) {
  const auto number = [](std::size_t value) {
    return Value::integer(static_cast<std::int64_t>(value));
  };
  Dict loop;
  loop.set("index", number(i + 1));
  loop.set("index0", number(i));
  loop.set("revindex", number(items.size() - i));
  loop.set("revindex0", number(items.size() - i - 1));
  loop.set("first", Value::boolean(i == 0));
  loop.set("last", Value::boolean(i + 1 == items.size()));
  loop.set("length", number(items.size()));
  loop.set("previtem", i == 0 ? Value() : items[i - 1]);
  loop.set("nextitem", i + 1 == items.size() ? Value() : items[i + 1]);
  loop.set("cycle", Value::function({"cycle", std::make_shared<Value>(number(i)), nullptr}));
  return loop;
}

}  // namespace

void Evaluator::run_for(const Statement& statement, std::string& out) {
  std::vector<Value> items = items_of(evaluate(*statement.value));
  // Variables that an iteration sets end with it.
  frames_.emplace_back();
  if (statement.condition != nullptr) {
    std::erase_if(items, [&](const Value& item) {
      bind(statement.names, item);
      return !is_true(evaluate(*statement.condition));
    });
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    charge(1);
    frames_.back().clear();
    bind(statement.names, items[i]);
    frames_.back().insert_or_assign("loop", Value::dict(loop_variables(items, i)));
    if (run(statement.body, out) == Flow::kBreak) {
      break;
    }
  }
  frames_.pop_back();
  if (items.empty()) {
    run(statement.otherwise, out);
  }
}

void Evaluator::run_set(const Statement& statement) {
  const Value value = evaluate(*statement.value);
  if (statement.text.empty()) {
    bind(statement.names, value);
    return;
  }
  const Value object = look_up(statement.names[0]);
  Dict* const* members = object.get_if<Dict*>();
  if (members == nullptr) {
    refuse(concat("\"", statement.names[0], "\" is not a namespace, so \"", statement.text,
                  "\" cannot be set"));
  }
  (*members)->set(statement.text, value);
}

}  // namespace cogent::text::jinja
