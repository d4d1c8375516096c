import assert from "node:assert/strict";
import {
  DataError,
  numberText,
  parseExactJson,
  randomFrom,
} from "@denotune/denotune/core";
import { fromJinja, talk } from "./_make.ts";
import { jinjaTemplate } from "../../../plugins/templates/jinja_template/jinja_template.ts";
import { LIMITS } from "../../../plugins/templates/jinja/budget.ts";
import { formatDate } from "../../../plugins/templates/jinja/globals.ts";
import { runTemplate } from "../../../plugins/templates/jinja/interpreter.ts";
import { readTemplate } from "../../../plugins/templates/jinja/syntax/read_template.ts";
import { messageOf, tagOf } from "../../../plugins/templates/jinja/traced.ts";
import { JinjaError } from "../../../plugins/templates/jinja/error.ts";
import { toValue } from "../../../plugins/templates/jinja/to_value.ts";
import type { Value } from "../../../plugins/templates/jinja/values.ts";

interface ExpressionGolden {
  readonly data: Readonly<Record<string, unknown>>;
  readonly cases: readonly (readonly [string, string | null, string?])[];
}

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

/** What jinja2 gives and is refused here: better than text that is silently another. */
const REFUSED: readonly string[] = [
  "{{ {(1, 2): 3} }}",
  "{{ nums|random is number }}",
  "{{ cycler }}",
  "{{ lipsum is defined }}",
  "{{ self is defined }}",
  "{{ n.real }}",
  "{{ n.bit_length() }}",
  "{{ f.is_integer() }}",
];

Deno.test("Jinja: a thousand expressions give what jinja2 gives, set up as transformers does, or fail as there", async () => {
  const text = await Deno.readTextFile(
    new URL("../../golden/jinja_expressions.json", import.meta.url),
  );
  const { data, cases }: ExpressionGolden = JSON.parse(text);
  const [, big] = /"big": (\d+)/.exec(text) ?? [];
  const variables = new Map<string, Value>([
    ...Object.entries(data).map(([name, value]): [string, Value] => [
      name,
      toValue(value),
    ]),
    ["big", toValue(numberText(big))],
    ["floats", toValue(floatsOf(text))],
    ["messages", toValue([{ role: "user", content: ["part"] }])],
    ["tools", null],
    ["documents", null],
    ["add_generation_prompt", false],
    ["bos_token", toValue("<s>")],
    ["eos_token", toValue("</s>")],
  ]);
  const order = cases.map((_, i) => i);
  const random = randomFrom(5, 1);
  for (let i = order.length - 1; i > 0; i--) {
    const k = random.below(i + 1);
    [order[i], order[k]] = [order[k], order[i]];
  }
  for (const i of order) {
    const [source, expected, error] = cases[i];
    if (expected === null || REFUSED.includes(source)) {
      assert.throws(
        () => run(source, variables),
        JinjaError,
        `${source}: ${error}`,
      );
    } else assert.equal(run(source, variables).text, expected, source);
  }
  assert.ok(cases.length > 1000);
});

/** The list `floats` with its numbers as they are written. */
function floatsOf(text: string): unknown {
  const [, list] = /"floats": (\[[^\]]*\])/.exec(text) ?? [];
  return parseExactJson(list);
}

Deno.test("Jinja: a template that costs too much fails in seconds, and is named", () => {
  const hostile: readonly (readonly [string, RegExp])[] = [
    ["{{ 'a' * 1000000000 }}", /a text of more than/],
    ["{{ 'ab' * 999999999999999999999 }}", /a text of more than/],
    ["{{ [1] * 1000000000 }}", /a list of more than/],
    ["{{ 2 ** 1000000000 }}", /a power of more than/],
    ["{{ '%1000000000d' % 1 }}", /a text of more than/],
    ["{{ '{:>1000000000}'.format(1) }}", /a text of more than/],
    ["{{ 'a'.center(1000000000) }}", /a text of more than/],
    ["{{ 'a' | indent(1000000000, true) }}", /a text of more than/],
    ["{{ [1] | tojson(indent=1000000000) }}", /a text of more than/],
    ["{{ '1'.zfill(1000000000) }}", /a text of more than/],
    [
      "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
      /more than \d+ steps|longer than/,
    ],
    [
      "{% set ns = namespace(t='ab') %}{% for i in range(60) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}",
      /more than \d+ characters/,
    ],
    [
      "{% set ns = namespace(t=[1]) %}{% for i in range(60) %}{% set ns.t = ns.t + ns.t %}{% endfor %}",
      /a list of more than/,
    ],
    [
      "{% for i in range(100000) %}{% for x in range(100000) | map('string') %}{% endfor %}{% endfor %}",
      /more than|longer than/,
    ],
    [
      "{% set x = 'ab' * 9000000 %}{% for i in range(100000) %}{{ x | upper }}{% endfor %}",
      /more than|longer than/,
    ],
    [
      "{% for i in range(100000) %}{% if i in range(100000) | list %}{% endif %}{% endfor %}",
      /more than|longer than/,
    ],
  ];
  // fewer steps than a real run allows, so that the test is quick
  const limits = { ...LIMITS, steps: 2_000_000 };
  for (const [source, message] of hostile) {
    const start = performance.now();
    assert.throws(
      () =>
        jinjaTemplate({
          source,
          where: "some/chat_template.jinja",
          specialTokens: { bos: null, eos: null, pad: null, unk: null },
          now: new Date(),
          variables: {},
          limits,
        }).render(talk("a", "b")),
      (error) => {
        assert.ok(error instanceof DataError, source);
        assert.match(
          error.message,
          /^Cannot run some\/chat_template\.jinja: it /,
        );
        assert.match(error.message, message, source);
        return true;
      },
    );
    assert.ok(performance.now() - start < 60_000, source);
  }
  assert.throws(
    () =>
      fromJinja("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}").render(
        talk("a", "b"),
      ),
    { name: "DataError", message: /recursion/ },
  );
  for (
    const source of [
      "a".repeat(2_000_000),
      "{{ " + "(".repeat(100_000) + "1" + ")".repeat(100_000) + " }}",
      "{% if a %}".repeat(20_000) + "{% endif %}".repeat(20_000),
      "{{ " + "9".repeat(100_000) + " }}",
      "{{ '".repeat(100_000),
      "{#".repeat(100_000),
    ]
  ) {
    assert.throws(
      () => fromJinja(source),
      { name: "DataError", message: /^Cannot read a test: / },
      source.slice(0, 20),
    );
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
