/**
 * Published chat templates, the 43 of the test data and those that TRL ships, by conversations of every kind:
 * texts as transformers renders them (`witness_templates.py`), and trained spans by the rule "what the model
 * would have written: from the end of the generation prompt to the first token that another role writes or that
 * generation stops at". In full with DENOTUNE_TEST_ALL=1, a sample otherwise.
 * @module
 */
import assert from "node:assert/strict";
import {
  type Message,
  randomFrom,
  type Rendered,
} from "@denotune/denotune/core";
import { jinjaTemplate } from "../../../plugins/templates/jinja_template/jinja_template.ts";
import { messages as messagesFormat } from "../../../formats/mod.ts";
import { make } from "../../core/data/_support.ts";
import { type TestFolder, testFolder } from "../../run_harness.ts";
import { openRun } from "../../core/data/_open_run.ts";
import { testData } from "../../test_data.ts";
import {
  asRow,
  CONVERSATIONS,
  JSON_CALL,
  OBJECT_CALL,
} from "./_conversations.ts";
import { hasModules, python } from "../../python.ts";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const FOLDER = testData("chat_templates");
const SCRIPT = new URL("../../golden/witness_templates.py", import.meta.url);
const BOS = "<s>";
const EOS = "</s>";

type Range = readonly [number, number];

interface Case {
  readonly name: string;
  readonly text: string | null;
  readonly error: string | null;
  readonly prompt: string | null;
  readonly generation?: readonly Range[];
  /** Prompt before an assistant message, and the conversation up to it. */
  readonly turns: Readonly<
    Record<string, readonly [string | null, string | null]>
  >;
}

interface Witness {
  readonly name: string;
  readonly source: string;
  readonly cases: readonly Case[];
}

/** The conversations as the format reads their rows. */
const READ: readonly (readonly Message[])[] = await Promise.all(
  CONVERSATIONS.map(async (one) => {
    const format = await make("format", messagesFormat);
    const parsed = format.parse({
      value: { messages: one.messages.map(asRow) },
      where: { path: one.name, index: 0 },
    });
    assert.ok("messages" in parsed);
    return parsed.messages;
  }),
);

const isMissing = !hasModules("transformers", "jinja2", "trl");

async function witnesses(): Promise<readonly Witness[]> {
  const asked = {
    conversations: CONVERSATIONS.map((one) => ({
      ...one,
      messages: one.messages.map(asRow),
    })),
    bos_token: BOS,
    eos_token: EOS,
  };
  const printed = await python([
    SCRIPT.pathname,
    ...FOLDER === null ? [] : ["--folder", FOLDER],
    "--trl",
    "--every",
    ALL ? "1" : "9",
  ], { input: JSON.stringify(asked) });
  return printed.trim().split("\n").map((line) => JSON.parse(line));
}

const templateOf = (source: string) =>
  jinjaTemplate({
    source,
    where: "a test",
    specialTokens: { bos: BOS, eos: EOS, pad: null, unk: null },
    now: new Date(2026, 0, 5, 15, 4, 9),
    variables: {},
  });

function attempt(write: () => Rendered): Rendered | null {
  try {
    return write();
  } catch (error) {
    assert.ok(
      error instanceof Error && error.name === "DataError",
      String(error),
    );
    return null;
  }
}

/** What the model writes, each stretch once. */
function trained(
  { spans }: Rendered,
  message: number | null = null,
): [number, number][] {
  const ranges: [number, number][] = [];
  for (const span of spans) {
    if (!span.generated || (message ?? span.message) !== span.message) continue;
    const last = ranges.at(-1);
    if (last?.[1] === span.start) last[1] = span.end;
    else ranges.push([span.start, span.end]);
  }
  return ranges;
}

/** The generation prompt of these closes a tool's result and opens no turn; their twins mask less than the rule. */
const CONTINUES = /gemma/;

/**
 * What closes the turn in a conversation that is cut off there, where that is not what closes it in general:
 * facts about families that the rendering alone does not show.
 */
function closed(name: string, cut: string): RegExp {
  const text = RegExp.escape(cut.trimEnd());
  // generation stops at <|end|>; </s> ends the conversation
  if (/phi-?3/i.test(name)) {
    const answer = cut.trimEnd().replace(/<\/s>$/, "").trimEnd();
    return new RegExp(`^${RegExp.escape(answer)}$`);
  }
  // results are written in the same turn, and <|tool_response> opens one
  if (CONTINUES.test(name)) {
    const call = RegExp.escape(cut.replace(/<\|tool_response>$/, "").trimEnd());
    return new RegExp(`^${call}(<\\|tool_response>)?$`);
  }
  // the next turn closes an answer
  if (name.startsWith("Apertus")) {
    return new RegExp(`^${text}\\s*(<\\|assistant_end\\|>)?$`);
  }
  return new RegExp(`^${text}\\s*$`);
}

function compare(witness: Witness): { byRule: number; byMask: number } {
  const { name, source, cases } = witness;
  const template = templateOf(source);
  const rule = source.includes("endgeneration")
    ? templateOf(
      source.replace(
        /\{%(-?)\s*(?:end)?generation\s*(-?)%\}/g,
        "{%$1 if true $2%}{%$1 endif $2%}",
      ),
    )
    : template;
  const order = cases.map((_, i) => i);
  const random = randomFrom(name.length, 7);
  for (let i = order.length - 1; i > 0; i--) {
    const k = random.below(i + 1);
    [order[i], order[k]] = [order[k], order[i]];
  }
  let byRule = 0;
  let byMask = 0;
  for (const i of order) {
    const one = cases[i];
    const messages = READ[i];
    const request = { messages, tools: CONVERSATIONS[i].tools ?? undefined };
    const about = `${name}, ${one.name}`;
    // templates that take an object get one, however the row writes it
    const takesObjects = cases.find((other) => other.name === OBJECT_CALL)
      ?.text !== null;
    if (one.name === JSON_CALL && takesObjects) continue;
    const rendered = attempt(() => template.render(request));
    const prompt = attempt(() => template.prompt(request));
    assert.equal(rendered?.text ?? null, one.text, `${about}: ${one.error}`);
    assert.equal(prompt?.text ?? null, one.prompt, `${about}, as a prompt`);
    if (rendered === null || one.text === null) continue;
    const { text } = one;
    if (one.generation !== undefined) {
      byMask++;
      const mask = trained({
        ...rendered,
        spans: one.generation.filter(([start, end]) => end > start).map((
          [start, end],
        ) => ({ ...rendered.spans[0], start, end, generated: true })),
      });
      assert.deepEqual(trained(rendered), mask, about);
      const again = rule.render(request);
      if (CONTINUES.test(name) || again.text !== text) continue;
      // TRL's masks begin earlier than the generation prompt ends, and take the line's end with them
      const own = trained(again);
      assert.equal(own.length, mask.length, about);
      own.forEach(([start, end], k) => {
        assert.match(
          text.slice(start, end).trimEnd(),
          closed(name, text.slice(start, mask[k][1])),
          about,
        );
        assert.ok(start >= mask[k][0], about);
      });
      continue;
    }
    if (prompt !== null) {
      const asked = trained(prompt);
      asked.forEach(([start, end], k) => {
        if (!text.startsWith(prompt.text.slice(0, end))) return;
        assert.deepEqual(
          [start, end],
          trained(rendered)[k],
          `${about}: prompt`,
        );
      });
    }
    for (const [index, [before, upTo]] of Object.entries(one.turns)) {
      byRule++;
      checkTurn(one, rendered, {
        about: `${about}, message ${index}`,
        name,
        index: Number(index),
        messages,
        before,
        upTo,
      });
    }
  }
  return { byRule, byMask };
}

function checkTurn(
  { text }: Case,
  rendered: Rendered,
  { about, name, index, messages, before, upTo }: {
    readonly about: string;
    readonly name: string;
    readonly index: number;
    readonly messages: readonly Message[];
    readonly before: string | null;
    readonly upTo: string | null;
  },
): void {
  assert.ok(text !== null);
  const ranges = trained(rendered, index);
  const said = ranges.map(([start, end]) => text.slice(start, end));
  if (
    before !== null && upTo !== null && text.startsWith(before) &&
    upTo.startsWith(before) &&
    text.startsWith(
      upTo.slice(before.length).trimEnd(),
      before.length,
    )
  ) {
    const cut = upTo.slice(before.length);
    if (cut.trim() === "" && said.length === 0) return;
    assert.equal(ranges[0]?.[0], before.length, `${about}: where it begins`);
    assert.match(said[0], closed(name, cut), about);
    return;
  }
  // the conversation was written otherwise up to there: the text is the message's, and nobody else's
  const { content } = messages[index];
  const own = content.split("</think>").at(-1)?.trim() ?? "";
  const all = said.join("");
  if (/^\w/.test(own) && text.includes(own)) {
    assert.ok(all.includes(own), about);
  }
  for (const [i, other] of messages.entries()) {
    const words = other.content.trim();
    if (i === index || words === "" || all === "" || own.includes(words)) {
      continue;
    }
    assert.ok(!all.includes(words), `${about}: has message ${i}: ${all}`);
  }
  for (const part of said) {
    assert.ok(
      !/^\s*(<\|im_start\|>|<\|assistant\|>|<｜Assistant｜>)/.test(part),
      `${about}: begins with the header: ${part}`,
    );
  }
}

Deno.test({
  name:
    "published templates: texts as transformers renders them, spans by the rule, masks of {% generation %}",
  ignore: isMissing,
  fn: async () => {
    let byRule = 0;
    let byMask = 0;
    const all = await witnesses();
    for (const witness of all) {
      const counts = compare(witness);
      byRule += counts.byRule;
      byMask += counts.byMask;
    }
    assert.ok(all.length >= (ALL && FOLDER !== null ? 110 : 7));
    assert.ok(byRule >= (ALL ? 2000 : 100), `${byRule} turns`);
    assert.ok(byMask >= (ALL ? 500 : 30), `${byMask} masks`);
  },
});

/** Each conversation's tokens and weights, by its index; the order of rows is the seed's. */
async function trainedRows(
  folder: TestFolder,
  source: string,
  { rows, seed, workers }: {
    readonly rows: readonly (typeof CONVERSATIONS)[number][];
    readonly seed: number;
    readonly workers: number;
  },
): Promise<Map<number, string>> {
  const order = Array.from({ length: 10 * rows.length }, (_, i) => i);
  const random = randomFrom(seed, 3);
  for (let i = order.length - 1; i > 0; i--) {
    const k = random.below(i + 1);
    [order[i], order[k]] = [order[k], order[i]];
  }
  const path = folder.at("rows.jsonl");
  Deno.writeTextFileSync(
    path,
    order.map((i) => {
      const { messages, tools } = rows[i % rows.length];
      return JSON.stringify({ messages: messages.map(asRow), tools }) + "\n";
    }).join(""),
  );
  Deno.writeTextFileSync(folder.at("template.jinja"), source);
  using opened = await openRun({
    train: [{ path, format: "messages" }],
    template: { use: "jinja", path: folder.at("template.jinja") },
    masker: "assistant-only",
    max_length: 100_000,
    max_untrained_share: 1,
    allow_unlearned_end: true,
    cache: false,
    workers,
  }, { cacheDir: folder.at("cache") });
  const { train } = opened.data;
  const found = new Map<number, string>();
  for (let i = 0; i < train.length; i++) {
    const { ids, weights, record } = train.example(i);
    const row = order[record] % rows.length;
    const text = `${ids.join(" ")}; ${weights.join(" ")}`;
    assert.equal(found.get(row) ?? text, text, `conversation ${row}`);
    found.set(row, text);
  }
  // a row without a trained token is no example, wherever it is
  assert.equal(train.length, 10 * found.size);
  return found;
}

Deno.test({
  name:
    "published templates: a row trains the same in any order and with any number of workers",
  ignore: isMissing,
  fn: async () => {
    using folder = testFolder();
    const all = await witnesses();
    let compared = 0;
    for (const { name, source } of all) {
      const made = templateOf(source);
      const rows = CONVERSATIONS.filter(({ messages, tools }) =>
        messages.at(-1)?.role === "assistant" &&
        attempt(() => made.render({ messages, tools: tools ?? undefined })) !==
          null
      );
      if (rows.length === 0) continue; // it refuses all, as transformers does
      const [alone, four] = [
        await trainedRows(folder, source, { rows, seed: 1, workers: 1 }),
        await trainedRows(folder, source, { rows, seed: 2, workers: 4 }),
      ];
      assert.deepEqual(
        [...four].sort(([a], [b]) => a - b),
        [...alone].sort(([a], [b]) => a - b),
        name,
      );
      compared += alone.size;
    }
    assert.ok(all.length >= (ALL && FOLDER !== null ? 110 : 7));
    assert.ok(compared >= all.length * 5, `${compared} conversations`);
  },
});
