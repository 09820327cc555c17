#include "core/text/chat.hpp"

#include "core/base/error.hpp"
#include "core/text/jinja_ast.hpp"
#include "core/text/jinja_evaluator.hpp"
#include "core/text/utf8.hpp"

#include <algorithm>
#include <utility>

namespace cogent::text {
namespace {

jinja::Value messages_value(std::span<const ChatMessage> messages) {
  std::vector<jinja::Value> list;
  for (const ChatMessage& message : messages) {
    jinja::Dict dict;
    dict.set("role", jinja::Value::string(repair_utf8(message.role)));
    dict.set("content", jinja::Value::string(repair_utf8(message.content)));
    list.push_back(jinja::Value::dict(std::move(dict)));
  }
  return jinja::Value::list(std::move(list));
}

// The variables that `transformers` gives to a template.
jinja::Dict template_variables(const TokenizerSpec& spec, std::span<const ChatMessage> messages,
                               GenerationPrompt generation) {
  jinja::Dict variables;
  variables.set("messages", messages_value(messages));
  variables.set("tools", jinja::Value::none());
  variables.set("documents", jinja::Value::none());
  variables.set("add_generation_prompt",
                jinja::Value::boolean(generation == GenerationPrompt::kYes));
  for (const auto& [name, id] :
       {std::pair("bos_token", spec.bos_id), std::pair("eos_token", spec.eos_id),
        std::pair("pad_token", spec.pad_id), std::pair("unk_token", spec.unk_id)}) {
    if (id >= 0) {
      variables.set(name, jinja::Value::string(spec.tokens.at(id)));
    }
  }
  return variables;
}

}  // namespace

std::string render_own_template(const TokenizerSpec& spec, std::span<const ChatMessage> messages,
                                GenerationPrompt generation) {
  check(!spec.chat_template.empty(), ErrorCode::kModel,
        "the model has no chat template of its own: use the reasoningner one");
  const jinja::Body body = jinja::parse_template(spec.chat_template);
  return jinja::Evaluator(template_variables(spec, messages, generation)).render(body);
}

}  // namespace cogent::text
