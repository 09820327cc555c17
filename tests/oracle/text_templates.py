"""Chat templates in the shapes that models ship, and small ones for single features of Jinja."""

QWEN25 = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are a helper.' }}
    {%- endif %}
    {{- "\\n\\n# Tools\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>system\\nYou are a helper.<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}
            {{- '\\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls %}
            {{- '\\n' + tool_call.name }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- message.content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

QWEN3 = """{%- if messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- else %}
            {%- if '</think>' in content %}
                {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
                {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
            {%- endif %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index %}
            {%- if loop.last or (not loop.last and reasoning_content) %}
                {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
            {%- else %}
                {{- '<|im_start|>' + message.role + '\\n' + content }}
            {%- endif %}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}"""

LLAMA31 = """{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not tools_in_user_message is defined %}
    {%- set tools_in_user_message = true %}
{%- endif %}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}

{#- This block extracts the system message, so we can slot it into the right place. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}

{#- System message + builtin tools #}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if builtin_tools is defined or tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{%- if builtin_tools is defined %}
    {{- "Tools: " + builtin_tools | reject('equalto', 'code_interpreter') | join(", ") + "\\n\\n"}}
{%- endif %}
{{- "Cutting Knowledge Date: December 2023\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}

{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}"
    "{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
    "{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)

MACROS = """{% macro turn(role, content='-', sign="|") -%}
  <{{ role }}{{ sign }}{{ content | trim }}>
{%- endmacro %}
{% for m in messages %}
  {{ turn(m.role, sign="/", content=m.content) }}
  {{ turn(m.role) }}
{% endfor %}
"""

FEATURES = [
    "{{ 1 + 2 * 3 - 4 // 3 }} {{ 7 % 3 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 10 }} {{ 7 / 2 }} {{ 1.5 * 2 }} {{ 1e3 }} {{ 0.1 + 0.2 }} {{ 10 ** -2 }}",
    "{{ 'a' ~ 1 ~ none ~ true ~ 1.0 }} {{ 'ab' * 3 }} {{ [1] + [2] }} {{ [1, 'a', none, true, 'it\\'s'] }} {{ {'a': 1, 'b': [2]} }} {{ (1,) }} {{ (1, 2) }} {{ () }}",
    "{{ 'x' if messages else 'y' }} {{ 'x' if false }} {{ 1 if 0 else 2 if 1 else 3 }}",
    "{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' in 'cat' }} {{ 'z' not in ['a'] }} {{ 'role' in messages[0] }} {{ not 1 == 2 }} {{ 1 == 1.0 }} {{ 'a' < 'b' }} {{ true == 1 }}",
    "{{ missing }}|{{ missing is defined }} {{ missing is undefined }} {{ missing | default('d') }} {{ '' | default('d') }} {{ '' | default('d', true) }} {{ messages[0].nothing is defined }}",
    "{{ messages[9] is defined }} {{ messages[-1].role }} {{ messages[0:1] | length }} {{ 'hello'[1:3] }} {{ 'hello'[::-1] }} {{ 'hello'[-1] }} {{ 'hello'[:-1] }} {{ [1,2,3,4,5][::2] }} {{ [1,2,3][5:] }} {{ [1,2,3][::-2] }}",
    "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.cycle('a', 'b') }} {% else %}none{% endfor %}",
    "{% for m in [] %}x{% else %}none{% endfor %} {% for c in 'añ' %}[{{ c }}]{% endfor %} {% for k in messages[0] %}{{ k }},{% endfor %}",
    "{% for k, v in messages[0].items() %}{{ k }}={{ v }};{% endfor %}{% for k, v in {'b': 1, 'a': 2} | dictsort %}{{ k }}{{ v }}{% endfor %}{{ {'a': 1} | items | list }}",
    "{% for m in messages if m.role == 'user' %}{{ loop.index }}{{ m.content }}{{ loop.length }}{% endfor %}",
    "{% for m in messages %}{% if loop.index == 2 %}{% continue %}{% endif %}{% if loop.index == 4 %}{% break %}{% endif %}{{ m.role }}{% endfor %}",
    "{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined }}>{{ loop.nextitem.role if not loop.last else 'end' }} {% endfor %}",
    "{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}",
    "{% set ns = namespace(n=0, seen=[]) %}{% for i in range(2, 10, 3) %}{% set ns.n = ns.n + i %}{% set ns.seen = ns.seen + [i] %}{% endfor %}{{ ns.n }} {{ ns.seen }}",
    "{% set a, b = 1, 2 %}{{ b }}{{ a }}{% set t %}  block {{ a }} {% endset %}[{{ t }}]",
    "{% if false %}a{% elif 0 %}b{% elif 'x' %}c{% else %}d{% endif %}",
    "  {% if true %}  \n  yes\n  {% endif %}  \n  {{ 'x' }}  \n{# comment #}\n  {# another -#}  \n end\n\n",
    "a\n  {%- if true -%}\n  b\n  {%- endif %}\nc\n  {%+ if true +%}\n d {% endif %}\n\n{{- ' x ' -}}\n\n e {#- c -#} f\n",
    "{% raw %}{{ not a tag }}{% endraw %}\n{%- raw -%}  {% x %} {%- endraw %}\nz",
    "{{ '  a b  ' | trim }}|{{ '  a '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|{{ '\\u00a0a\\n' | trim }}|",
    "{{ 'a,b,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a,b,c'.split(',', 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ''.split() }} {{ ''.split(',') }} {{ 'abc'.split('</think>')[-1] }} {{ ' a b c '.split(none, 1) }}",
    "{{ 'Ab c'.upper() }} {{ 'Ab'.lower() }} {{ 'ab cd'.title() }} {{ 'aB cD'.capitalize() }} {{ 'ab' | upper }} {{ 'hello world' | title }} {{ 'ß' | upper }}",
    "{{ 'abcabc'.replace('b', 'X') }} {{ 'abcabc'.replace('b', 'X', 1) }} {{ 'abc' | replace('', '-') }} {{ 'abcabc'.find('c') }} {{ 'abc'.find('z') }} {{ 'abcab'.count('ab') }} {{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('c') }}",
    "{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x', 'c')) }} {{ ', '.join(['a', 'b']) }} {{ ['a', 1, none] | join('-') }} {{ messages | map(attribute='role') | join(',') }}",
    "{{ [3, 1] | first }} {{ [3, 1] | last }} {{ 'añ' | length }} {{ [1, 2] | count }} {{ [1, 2] | reverse | list }} {{ 'ab' | reverse }} {{ [1, 1, 2] | unique | list }} {{ 'abc' | list }} {{ [] | first }}",
    "{{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ messages | rejectattr('role', 'in', ['user']) | map(attribute='role') | list }} {{ [0, 1, 2] | select | list }} {{ [0, 1, 2] | reject('odd') | list }} {{ ['a', 'b'] | map('upper') | list }}",
    "{{ messages[0] | tojson }} {{ [1, 1.5, true, none, 'é\"\\\\\\n\\x07'] | tojson }} {{ {'a': [], 'b': {}} | tojson }} {{ {'a': [1, {'b': 2}]} | tojson(indent=2) }}",
    "{{ '3' | int + 1 }} {{ 'x' | int }} {{ '2.5' | float }} {{ 3.9 | int }} {{ -3 | abs }} {{ 5 | string + 'a' }} {{ true | int }} {{ 'x' | int(7) }}",
    "{{ 1 is number }} {{ 'a' is string }} {{ [] is sequence }} {{ {} is mapping }} {{ none is none }} {{ 1 is odd }} {{ 4 is even }} {{ 6 is divisibleby 3 }} {{ 6 is divisibleby(4) }} {{ 1 is eq 1 }} {{ true is boolean }} {{ 1 is integer }} {{ 'a' is iterable }} {{ 1 is not none }} {{ 'a' is in ['a'] }} {{ true is true }} {{ false is false }} {{ 1.0 is float }} {{ raise_exception is callable }}",
    "{{ 'line one\nline two\n\nline four' | indent(2) }}|{{ 'a\nb' | indent(2, true) }}|{{ '<a & \"b\">' | e }}",
    "{{ dict(a=1, b='x') }} {{ {'a': 1}.get('a') }} {{ {'a': 1}.get('b') }} {{ {'a': 1}.get('b', 'c') }} {{ {'a': 1, 'b': 2}.keys() | list }} {{ {'a': 1}.values() | list }}",
    "{{ 'tab\\tnew\\nhex\\x41uni\\u00e9 quote\\'s' }} {{ \"double \\\"x\\\"\" }} {{ 'a' 'b' }} {{ '\\d' }}",
    "{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}{{ tools is none }}{{ documents is none }}{{ add_generation_prompt }}",
    "{% generation %}inside {{ messages[0].content }}{% endgeneration %} {{ (messages | length) - 1 }} {{ messages.0.role }} {{ [[1, 2], [3]][0][1] }} {{ -messages | length if false else 5 }}",
    "{% set x = 'outer' %}{% macro f(y) %}{{ x }}{{ y }}{% for i in range(3) %}{{ i }}{% endfor %}{% endmacro %}{{ f('!') }}{{ f(y='?') | trim }}{{ 'a' if f is defined }}",
    "{{ true and 'x' }} {{ 0 or 'y' }} {{ '' or none }} {{ not '' }} {{ not not 'a' }} {{ 1 and 0 or 2 }} {{ 'a' == 'a' and 1 != 2 }} {{ true }} {{ True }} {{ None }}",
    "{{ strftime_now is defined and false }} {{ [1, 2, 3] | length > 2 }} {{ 'a' + 'b' | upper }} {{ ('a' + 'b') | upper }} {{ 2 ~ 3 * 4 }} {{ 2 * 3 ~ 4 }}",
]

# What both sides refuse.
BAD = [
    "{% if %}", "{{ 1 + }}", "{% for x in messages %}", "{{ 'open }}", "{# open", "{{ missing.attribute }}", "{{ missing() }}", "{{ 'a' + 1 }}", "{{ 1 / 0 }}",
    "{{ raise_exception('no') }}", "{% unknown %}", "{{ 'a' | nofilter }}", "{{ 1 is notest }}", "{% endif %}", "{{ (1 }}", "{{ messages[0] }", "{% set x %}", "{{ 1 < 'a' }}",
    "{{ missing + 1 }}", "{% set messages.x = 1 %}", "{{ {}.x.y }}", "{% break %}", "{{ 5() }}", "{% for a, b in [[1]] %}{% endfor %}", "{{ range(10 ** 8) }}", "{{ $ }}", "{{ raise_exception | tojson }}", "{{ 2 + 3 ~ 4 }}",
]  # fmt: skip
