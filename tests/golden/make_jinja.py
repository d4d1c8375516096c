"""What transformers' Jinja gives for small chat templates, errors included: writes jinja.json beside this file.

    python3 tests/golden/make_jinja.py
"""

import json
import pathlib

from transformers.utils.chat_template_utils import render_jinja_template

MESSAGES = [
    {"role": "system", "content": "  Be brief.\n"},
    {"role": "user", "content": "Grüß <b> & \"q\" 'x' \\ 👋🏽 end"},
    {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes, yes; no.", "n": 3, "list": [1, "b", None, True, 2.5]},
    {"role": "user", "content": ""},
]
TOOLS = [{"name": "f", "parameters": {"b": {"type": "number"}, "a": {"type": ["x", "y"], "empty": {}, "none": []}}}]

# more of them in make_jinja_expressions.py
# each is rendered with `messages`, `tools`, `bos_token` = "<s>", and m = messages[2] where it says so
EXPRESSIONS = [
    "messages | length", "messages[0].content | trim", "messages[1]['content'] | upper", "messages[1].content | length",
    "messages[1].content[2:7]", "messages[1].content[::-1]", "messages[1].content[-3:]", "messages[1].content[17]",
    "messages[-1].role", "messages[1:3] | map(attribute='role') | join(', ')", "messages[2].content.split('</think>')[-1].lstrip('\\n')",
    "messages[2].content.split('</think>')[0].split('<think>')[-1].strip('\\n')", "messages[2].content.split() | join('|')",
    "messages[2].content.split(',', 1)", "messages[2].content.rsplit(' ', 1)", "messages[2].content.partition(';')",
    "messages[2].content.splitlines()", "messages[2].content.replace('yes', 'no')", "messages[2].content.replace('s', '5', 1)",
    "messages[2].content | replace('e', '3')", "'banana'.count('an')", "'banana'.find('n')", "'a,b'.split(',')",
    "' x '.strip() + '|'", "'xxaxx'.strip('x')", "'xxaxx'.lstrip('x')", "'xxaxx'.rstrip('x')", "'hello world'.title()",
    "'hELLO wORLD'.capitalize()", "'hello world' | title", "'hELLO' | capitalize", "'it''s'", "'abc' ~ 1 ~ none ~ true",
    "1 + 2 * 3", "7 / 2", "7 // 2", "-7 // 2", "-7 % 3", "2 ** 3", "1.0", "0.00001", "3 | float", "'3.7' | float | int",
    "'x' * 3", "[1] + [2, 3]", "(1, 2)", "{'a': 1, 'b': [none, true, 'it\\'s']}", "[\"it's\", 'say \"x\"', 'new\\nline']",
    "none", "true", "undefined_name", "undefined_name is defined", "none is none", "messages[3].content or 'fallback'",
    "undefined_name | default('d')", "'' | default('d', true)", "none | default('d')", "messages[2].list", "messages[2].list | tojson",
    "tools | tojson", "tools | tojson(indent=2)", "tools[0] | tojson(indent=4, sort_keys=true)", "tools | tojson(separators=(',', ':'))",
    "'ü\\n\"' | tojson", "messages[1].content | tojson", "'ü' | tojson(ensure_ascii=true)", "tools[0].parameters | items | list",
    "tools[0].parameters | dictsort", "tools[0].items() | list", "tools[0].keys() | list", "tools[0].values() | first", "tools[0].get('zzz')",
    "tools[0].get('zzz', 'd')", "tools[0].name", "tools[0]['name']", "tools[0].parameters.a.type", "'b' in tools[0].parameters", "'zz' in tools[0]",
    "'es' in 'yes'", "'es' not in 'yes'", "2 in [1, 2]", "1 == 1.0", "true == 1", "[1, [2]] == [1, [2]]", "{'a': 1} == {'a': 1}", "'a' < 'b'", "1 < 2 and 2 < 1",
    "messages[0] == messages[0]", "messages[2] == messages[-2]", "not messages", "(messages | selectattr('role', 'equalto', 'user') | list | length)",
    "messages | rejectattr('role', '==', 'user') | map(attribute='role') | list", "messages | selectattr('content') | list | length",
    "messages | map(attribute='zzz', default='-') | join", "['b', 'A', 'c'] | sort | join", "['b', 'A', 'c'] | sort(reverse=true) | join", "[3, 1, 2] | sort | first",
    "['a', 'B', 'b', 'a'] | unique | list", "[1, 2, 3] | reverse | list", "'abc' | reverse", "[1, 2, 3] | last", "[] | first is defined", "[3, 1] | max", "[3, 1] | min",
    "[1, 2, 3] | sum", "['a', 'b'] | map('upper') | join", "[1, 2, 3, 4] | select('odd') | list", "[1, 2, 3, 4] | reject('even') | list", "range(3) | list", "range(5, 1, -2) | list",
    "'a\\nb\\n\\nc' | indent", "'a\\nb' | indent(2, true)", "'a\\n\\nb' | indent(2, blank=true)", "'<&>' | e", "'%s-%s' % ('a', 1)", "'%s' | format('a')", "'{} {x}'.format('a', x='b')",
    "3 is odd", "3 is number", "3.5 is number", "true is boolean", "'x' is string", "[] is iterable", "{} is mapping", "'x' is sequence", "3 is integer", "3.0 is float", "'ab' is lower", "messages is sequence",
    "1 if true else 2", "(1 if false) is defined", "'x' if messages else 'y'", "bos_token + '|'", "eos_token", "eos_token is defined", "dict(a=1).a", "namespace(x=1).x",
    "-1 | abs", "3.7 | int", "'abc' | int", "'12' | int + 1", "3.14159 | round(2)", "messages | string | length > 10", "'a' 'b'", "\"\\u00e9\"", "'a\\tb'", "'  ' | trim | length",
    "'yes'.startswith('y')", "'yes'.endswith(('x', 's'))", "'abc'[1]", "'ABC'.lower()", "'12'.isdigit()", "messages[9] is defined", "messages.0.role", "none | string", "[none] | join",
    "'a' if 'a' == 'b' else 'c' if true else 'd'", "messages[0].zzz", "messages[0].zzz is not defined", "messages[0]['zzz'] is undefined", "'x'.join(['a', 'b'])",
]
TEMPLATES = [
    "a\n{% if true %}\nb\n{% endif %}\nc\n", "  {% if true %}  x  {% endif %}  \n y", "{%- for m in messages %}\n  {{ m.role }}\n{%- endfor %}\nend\n",
    "{# note #}\nx {#- cut -#} y", "{{ 'a' -}}   \n  b", "{% for m in messages %}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ loop.revindex0 }}{{ loop.length }} {% endfor %}",
    "{% for m in messages if m.role == 'user' %}{{ loop.index0 }}{{ m.content | length }};{% else %}none{% endfor %}", "{% for m in [] %}x{% else %}none{% endfor %}",
    "{% for k, v in tools[0].items() %}{{ k }}={{ v is mapping }};{% endfor %}", "{% for k in tools[0] %}{{ k }},{% endfor %}", "{% for c in 'añ👋' %}[{{ c }}]{% endfor %}",
    "{% for m in messages %}{% if loop.index == 3 %}{% break %}{% endif %}{{ m.role }}{% if loop.first %}{% continue %}{% endif %}!{% endfor %}",
    "{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined else '-' }}>{{ loop.nextitem.role if loop.nextitem else '-' }} {% endfor %}",
    "{% set x = 1 %}{% for m in messages %}{% set x = x + 1 %}{% endfor %}{{ x }}", "{% set ns = namespace(n=0, s='') %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% set ns.s = ns.s ~ m.role[0] %}{% endfor %}{{ ns.n }}{{ ns.s }}",
    "{% set a, b = 1, 2 %}{{ b }}{{ a }}", "{% set t %}\n  text {{ 1 }}\n{% endset %}[{{ t }}]", "{% if x is defined %}{% set y = 1 %}{% else %}{% set y = 2 %}{% endif %}{{ y }}",
    "{% macro f(a, b='d', c=none) %}{{ a }}-{{ b }}-{{ c }}{% endmacro %}{{ f(1) }} {{ f(1, 2) }} {{ f(b=3, a=4, c=5) }}", "{% macro f(x) %}{{ x }}{% if x > 0 %}{{ f(x - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "{% macro f() %}[{{ caller() }}]{% endmacro %}{% call f() %}in{% endcall %}", "{% macro f() %}[{{ caller(1) }}]{% endmacro %}{% call(v) f() %}in{{ v }}{% endcall %}",
    "{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, x=2) }}", "{% set v = 'outer' %}{% macro f() %}{{ v }}{% endmacro %}{{ f() }}", "{% filter upper %}abc{{ 'd' }}{% endfilter %}",
    "{% for m in messages %}{% for n in messages %}{{ loop.index }}{% endfor %}{{ loop.index }} {% endfor %}", "{% for m in messages %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "x{% generation %}y{{ 1 }}{% endgeneration %}z", "{% generation -%}  y  {%- endgeneration %} z", "{{ raise_exception('No ' + messages[0].role) }}", "{{ messages + 1 }}", "{{ 'a' + 1 }}", "{{ none + 'a' }}",
    "{{ zzz.a }}", "{{ messages[0].zzz.a }}", "{{ zzz + 'a' }}", "{% for x in none %}{% endfor %}", "{% for x in zzz %}a{% endfor %}ok", "{{ messages | zzz }}", "{{ zzz() }}", "{{ tools[0]['name'] + tools[0]['zzz'] }}", "{{ 1 // 0 }}",
    "{{ [1, 2].append(3) }}", "{{ 5 | length }}", "{% set messages = messages[1:] %}{{ messages | length }}", "{% set messages.x = 1 %}", "{{ {'a': 1}.a }}{{ {'items': 2}['items'] }}", "{%- if messages[0].role == 'system' %}{% set s = messages[0].content %}{%- endif %}{{ s }}",
    "{{- '<|a|>\\n' }}\n\n{%- if true %}\n    {{- 'b' }}\n{%- endif %}\n", "{% if false %}a{% elif true %}b{% else %}c{% endif %}", "line {{ 'x' }}\n  {{ 'y' }}\n", "\n\nlead", "tail\n\n",
]

cases = []
for source in [f"[{{{{ {expression} }}}}]" for expression in EXPRESSIONS] + TEMPLATES:
    case = {"source": source}
    try:
        case["text"] = render_jinja_template([MESSAGES], tools=TOOLS, chat_template=source, bos_token="<s>")[0][0]
    except Exception as error:
        case["error"] = f"{type(error).__name__}: {error}"
    cases.append(case)
result = {"messages": MESSAGES, "tools": TOOLS, "cases": cases}
path = pathlib.Path(__file__).with_name("jinja.json")
path.write_text(json.dumps(result, ensure_ascii=True, indent=1) + "\n")
