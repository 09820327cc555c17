// Templates that would take for ever, or more memory than there is, end with an error.

#include "core/text/chat.hpp"
#include "tests/unit/text/text_fixtures.hpp"

#include <gtest/gtest.h>

namespace cogent::text {
namespace {

std::string repeated(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    out += text;
  }
  return out;
}

class JinjaLimits : public testing::TestWithParam<std::string> {};

TEST_P(JinjaLimits, EndWithAnError) {
  TokenizerSpec spec;
  spec.chat_template = GetParam();
  const std::vector<ChatMessage> messages = {{"user", "Hi"}};
  EXPECT_NE(model_error([&] { render_own_template(spec, messages, GenerationPrompt::kNo); }), "");
}

const std::string kLoop = "{% for i in range(99999) %}";

INSTANTIATE_TEST_SUITE_P(
    Templates, JinjaLimits,
    testing::Values(
        kLoop + kLoop + kLoop + "x{% endfor %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(s='aaaaaaaa') %}" + kLoop +
            "{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(s=[1]) %}" + kLoop + "{% set ns.s = [ns.s] %}{% endfor %}",
        "{% set ns = namespace(s=[1]) %}" + kLoop + "{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}"
        "{% endfor %}{{ ns.s }}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}"
        "{% endfor %}{{ ns.s == [ns.s] or ns.s == ns.s }}",
        "{{ 'a' * 1000000000 }}", "{{ [1] * 1000000000 }}", "{{ 9223372036854775807 + 1 }}",
        "{{ 99999999999999999999 }}", "{{ 10 ** 100 }}", "{{ -9223372036854775807 - 2 }}",
        "{% set s = 'a' * 1000000 %}{{ [s, s] | join(s) | replace('a', s) }}",
        "{% set s = 'a' * 1000000 %}{{ range(99999) | join(s) }}",
        "{% set s = 'a' * 1000000 %}{{ 'short'.replace('', s).replace('a', s) }}",
        "{{ ('x\n' * 500000) | indent(100) | indent(100) | indent(100) }}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(19) %}{% set ns.s = [ns.s, ns.s] %}"
        "{% endfor %}{{ ns.s | tojson(indent=100) }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ " + repeated("(", 5000) + "1" + repeated(")", 5000) + " }}",
        "{{ " + repeated("[", 5000), "{{ " + repeated("-", 5000) + "1 }}",
        "{{ " + repeated("not ", 5000) + "1 }}", "{{ 1" + repeated(" + 1", 5000) + " }}",
        "{{ 'a'" + repeated(" | trim", 5000) + " }}", "{{ messages" + repeated("[0]", 5000) + " }}",
        repeated("{% if true %}", 5000), repeated(kLoop, 200)));

TEST(JinjaLimits, ALongConversationIsWithinThem) {
  TokenizerSpec spec;
  spec.chat_template =
      "{% for m in messages %}{{ m.role + ': ' + m.content | trim }}\n{% endfor %}";
  const std::vector<ChatMessage> messages(2000, {"user", std::string(4000, 'x')});
  EXPECT_EQ(render_own_template(spec, messages, GenerationPrompt::kNo).size(), 2000u * 4007u);
}

TEST(JinjaLimits, ANamespaceMayHoldItself) {
  TokenizerSpec spec;
  spec.chat_template = "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns.me.me == ns }}";
  EXPECT_EQ(render_own_template(spec, {}, GenerationPrompt::kNo), "True");
}

}  // namespace
}  // namespace cogent::text
