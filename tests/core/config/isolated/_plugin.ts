/**
 * A plugin with a part of each kind that may be isolated. `at` and `does` make a part do something at one row.
 * @module
 */
import {
  API_VERSION,
  DataError,
  definePart,
  definePlugin,
  type Evaluator,
  type Format,
  type Masker,
  type Plugin,
  type RecordStore,
  type Source,
  type Template,
} from "@denotune/denotune/core";
import { z } from "zod";

const none = z.strictObject({});

const source = definePart({
  kind: "source",
  name: "bars",
  description: "Question and answer with a bar between",
  options: none,
  create: (): Source => ({
    accepts: ({ path }) => path.endsWith(".bars"),
    open: ({ path }): Promise<RecordStore> => {
      const lines = Deno.readTextFileSync(path).trim().split("\n");
      return Promise.resolve({
        length: lines.length,
        fingerprint: String(lines.join("\n").length),
        at: (index) => {
          const [q, a] = lines[index].split("|");
          const where = { path, line: index + 1, index };
          if (a === undefined) throw new DataError(`line ${index + 1}: no bar`);
          return { value: { q, a }, where };
        },
        [Symbol.dispose]: () => {},
      });
    },
  }),
});

const options = z.strictObject({
  at: z.number().default(-1).describe("Row"),
  does: z.string().default("nothing").describe("What it does there"),
});

const DEEDS: Readonly<Record<string, () => unknown>> = {
  nothing: () => null,
  throw: () => {
    throw new Error("not this one");
  },
  "data error": () => {
    throw new DataError("column q is missing");
  },
  exit: () => Deno.exit(7),
  spin: () => {
    for (;;);
  },
  "eat memory": () => {
    const eaten: Uint8Array[] = [];
    for (;;) eaten.push(new Uint8Array(2 ** 26).fill(1));
  },
  "eat the heap": () => {
    const eaten: unknown[] = [];
    for (;;) eaten.push(new Array(10_000).fill({}));
  },
  "read a file": () => Deno.readTextFileSync(import.meta.filename ?? ""),
  "read the environment": () => Deno.env.get("HOME"),
  "write a file": () => Deno.writeTextFileSync("/tmp/denotune-isolated", "x"),
  "start a process": () => new Deno.Command("true").outputSync(),
  "look where it is": () => Deno.cwd(),
  "open a library": () => Deno.dlopen("libc.so.6", {}),
  "listen": () => Deno.listen({ port: 0 }),
  "patch a prototype": () => {
    Array.prototype.map = () => [];
    Object.prototype.toString = () => "patched";
    return null;
  },
  "redefine a built-in": () => {
    globalThis.JSON = { parse: () => 0, stringify: () => "0" } as never;
    globalThis.Promise = class {} as never;
    return null;
  },
  "leave a rejection": () => void Promise.reject(new Error("unheard")),
  "write into the answers": () =>
    Deno.stdout.writeSync(new Uint8Array([9, 9, 9, 9, 9])),
  "give a function": () => () => 1,
  "give text": () => "text",
  "give nothing": () => undefined,
};

function doAt(index: number, { at, does }: z.infer<typeof options>): unknown {
  return index === at ? DEEDS[does]() : null;
}

const format = definePart({
  kind: "format",
  name: "bar-format",
  description: "The columns q and a",
  options,
  create: (own): Format => {
    const example = { prompt: "", completion: "" }; // one for all rows: nothing may keep it
    return {
      recognises: () => 0.1,
      template: "plain",
      parse: ({ value, where }) => {
        const given = doAt(where.index, own);
        if (given !== null) return given as never;
        const { q, a } = value as { q: string; a: string };
        return Object.assign(example, { prompt: q, completion: a });
      },
    };
  },
});

const template = definePart({
  kind: "template",
  name: "bar-template",
  description: "As plain, with an end",
  options: none,
  create: async (_, host): Promise<Template> => {
    const plain = await host.create("template", "plain");
    const mark = host.tokenizer?.idOf("a") === null ? "~" : "!";
    return {
      stops: plain.stops,
      jinja: null,
      render: (example) => {
        const { text, spans, addBos } = plain.render(example);
        return { text: text + mark, spans, addBos };
      },
      prompt: (request) => plain.prompt(request),
    };
  },
});

const masker = definePart({
  kind: "masker",
  name: "bar-masker",
  description: "Less by less",
  options: z.strictObject({
    decay: z.number().default(0.9).describe("Factor of each token"),
    bad: z.string().default("").describe("What is wrong"),
  }),
  create: ({ decay, bad }): Masker => {
    let own = new Float32Array(0); // filled anew for each row, as the format's example
    return {
      weights: ({ spans }) => {
        if (bad === "length") return new Float32Array(spans.length + 1);
        if (bad === "list") return [1, 2] as never;
        if (own.length !== spans.length) own = new Float32Array(spans.length);
        spans.forEach(({ generated }, i) => {
          own[i] = bad === "NaN" ? NaN : generated ? 1 : 0;
        });
        return own;
      },
      tokenWeights: ({ encoding }, weights) =>
        weights.map((w, i) => w * decay ** (encoding.ids[i] % 7)),
    };
  },
});

const evaluator = definePart({
  kind: "evaluator",
  name: "bar-evaluator",
  description: "Length of answers",
  options: none,
  create: (): Evaluator => ({
    asks: async (rows, wording) => {
      await Promise.resolve();
      return {
        questions: rows.map(({ request }) => ({
          prompt: { text: wording.written(request) },
          sampling: { maxNewTokens: 3 },
        })),
      };
    },
    rewards: (answers) =>
      answers.map(({ prompt, expected, answer }) =>
        answer.text === "bad"
          ? NaN
          : prompt.length + expected.length + answer.text.length
      ),
    score: ({ answers }) => ({
      numbers: { length: answers.flat().length },
      records: answers.flat().map(({ text }) => ({ text })),
    }),
  }),
});

const optimizer = definePart({
  kind: "optimizer",
  name: "bar-optimizer",
  description: "Runs in the process",
  options: none,
  create: () => {
    throw new Error("it is not made");
  },
});

const plugin: Plugin = definePlugin({
  name: "bars",
  api: API_VERSION,
  version: "1.2.3",
  permissions: [],
  parts: [source, format, template, masker, evaluator, optimizer],
});
export default plugin;
