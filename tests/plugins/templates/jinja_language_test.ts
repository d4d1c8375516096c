import assert from "node:assert/strict";
import { formatDate } from "../../../plugins/templates/jinja/globals.ts";
import { runTemplate } from "../../../plugins/templates/jinja/interpreter.ts";
import { readTemplate } from "../../../plugins/templates/jinja/syntax.ts";
import { messageOf, tagOf } from "../../../plugins/templates/jinja/traced.ts";
import {
  JinjaError,
  toValue,
  type Value,
} from "../../../plugins/templates/jinja/values.ts";

interface Golden {
  readonly messages: unknown;
  readonly tools: unknown;
  readonly cases: readonly { source: string; text?: string; error?: string }[];
}

const golden: Golden = JSON.parse(
  await Deno.readTextFile(new URL("../../golden/jinja.json", import.meta.url)),
);
const run = (source: string, variables: ReadonlyMap<string, Value>) =>
  runTemplate(readTemplate(source), variables, {
    now: new Date(2026, 0, 5, 15, 4, 9),
    notes: { message: null, readsInput: false },
  });

Deno.test("Jinja: every small template gives what transformers gives, or fails as there", () => {
  const variables = new Map<string, Value>([
    ["messages", toValue(golden.messages)],
    ["tools", toValue(golden.tools)],
    ["bos_token", toValue("<s>")],
  ]);
  for (const { source, text, error } of golden.cases) {
    if (error === undefined) {
      assert.equal(run(source, variables).text, text, source);
    } else assert.throws(() => run(source, variables), JinjaError, source);
  }
});

Deno.test("Jinja: text keeps its origin through every way of changing it", () => {
  const variables = new Map([[
    "x",
    toValue("  Ab<c>d, é 👋  ", tagOf(3, "content")),
  ]]);
  // what stands between [ and ] came from x, the rest from the template
  const sources = [
    "[{{ x }}]",
    "-[{{ x | trim }}]-",
    "[{{ x.strip().upper() }}]",
    "a[{{ x[2:5] }}]b",
    "[{{ x.split('<c>')[-1] }}]",
    "[{{ (x | trim)[::-1] }}]",
    "[{{ x | replace('zzz', '-') }}]",
    "{% set y = x.rstrip() %}[{{ y }}]",
    "{% macro f(v) %}[{{ v }}]{% endmacro %}{{ f(x) }}",
    "{% for c in x %}{{ '[' if loop.first }}{{ c }}{{ ']' if loop.last }}{% endfor %}",
    "{% filter lower %}[{{ x }}]{% endfilter %}",
    "{% set z %}[{{ x }}]{% endset %}{{ z ~ '' }}",
    "{{ '[' + x + ']' }}",
    "{{ '[%s]' % x }}",
    "{{ '[{}]'.format(x) }}",
    "{{ ['[', x, ']'] | join }}",
  ];
  for (const source of sources) {
    const { text, runs } = run(source, variables);
    let start = 0;
    for (const { end, tag } of runs) {
      const part = text.slice(start, end);
      if (messageOf(tag) === null) {
        assert.ok(
          !/[abcdé]/i.test(part.replace(/^-?a?|b?$/g, "")),
          `${source}: ${part}`,
        );
      } else assert.ok(!/[[\]]/.test(part), `${source}: ${part}`);
      start = end;
    }
    assert.ok(runs.some(({ tag }) => messageOf(tag) === 3), source);
    const inner = text.slice(text.indexOf("[") + 1, text.indexOf("]"));
    const traced = runs.filter(({ tag }) => messageOf(tag) === 3).map((
      { end },
    ) => end).at(-1);
    assert.equal(traced, text.indexOf("[") + 1 + inner.length, source);
  }
});

Deno.test("Jinja: JSON keeps the origin of strings, and quotes them as Python does", () => {
  const variables = new Map([[
    "x",
    toValue({ a: 'é\n"q"', n: 1 }, tagOf(0, "tool_calls")),
  ]]);
  const { text, runs } = run("{{ x | tojson }}", variables);
  assert.equal(text, '{"a": "é\\n\\"q\\"", "n": 1}');
  let start = 0;
  const traced = runs.flatMap(({ end, tag }) => {
    const part = text.slice(start, end);
    start = end;
    return messageOf(tag) === 0 ? [part] : [];
  });
  assert.deepEqual(traced, ['é\\n\\"q\\"']);
});

Deno.test("Jinja: dates are written in English, whatever the machine speaks", () => {
  const date = new Date(2026, 0, 5, 15, 4, 9);
  assert.equal(
    formatDate("%d %b %Y, %A %B %-d, %H:%M:%S %I%p %j %y %%", date),
    "05 Jan 2026, Monday January 5, 15:04:09 03PM 005 26 %",
  );
  assert.equal(
    run("{{ strftime_now('%Y-%m-%d') }}", new Map()).text,
    "2026-01-05",
  );
});

Deno.test("Jinja: what cannot be read says so", () => {
  for (
    const source of ["{% if x %}", "{{ 1 + }}", "{% unknown %}", "{{ 'open }}"]
  ) {
    assert.throws(() => readTemplate(source), JinjaError, source);
  }
  for (
    const [source, message] of [
      [
        "a\n{% for m in x %}{% if m %}b{% endif %}",
        /{% for %} of line 2 is not/,
      ],
      ["{% for m in x %}\n\n{%- if m -%}b", /{% if %} of line 3 is not closed/],
      ["{# {% if x %} #}{% set x %}a", /{% set %} of line 1 is not closed/],
      ["{% generation %}{{ a }}", /{% endgeneration %} is missing/],
    ] as const
  ) assert.throws(() => readTemplate(source), message, source);
});
