/**
 * Plugins whose data-side parts do harm at row 500.
 * @module
 */
import { CHOSEN, harmsSaying } from "./creating.ts";
import { type HostilePlugin, named } from "./hostile_plugin.ts";

type More = Partial<HostilePlugin>;
const at500 = /rows\.jsonl:500/;
const harms = harmsSaying(at500);

/** A format that is an ordinary one up to row 500. */
const format = (does: string, odd: string, says: RegExp, more: More = {}) =>
  harms(
    "format",
    does,
    `() => ({ template: "plain", recognises: () => 1,
  parse: (record) => record.where.line === 500 ? (${odd})(record) : { prompt: "a", completion: "b" } })`,
    says,
    more,
  );
const template = (does: string, odd: string, says: RegExp, more: More = {}) =>
  harms(
    "template",
    does,
    `async (o, host) => { const own = await host.create("template", "plain"); let row = 0;
  return { stops: [], jinja: null, prompt: (r) => own.prompt(r),
    render: (example) => JSON.stringify(example).includes("q499") ? (${odd})(own.render(example), example) : own.render(example) }; }`,
    says,
    more,
  );
const tokenizer = (does: string, odd: string, says: RegExp, more: More = {}) =>
  harms(
    "tokenizer",
    does,
    `async (o, host) => { const own = await host.create("tokenizer", "byte");
  return new Proxy(own, { get: (_, name) => name === "encode"
    ? (text, how) => text.includes("q499") ? (${odd})(own.encode(text, how), text) : own.encode(text, how)
    : typeof own[name] === "function" ? own[name].bind(own) : own[name] }); }`,
    says,
    more,
  );
const masker = (does: string, odd: string, says: RegExp, more: More = {}) =>
  harms(
    "masker",
    does,
    `() => ({ weights: (t) => t.text.includes("q499") ? (${odd})(t) : Float32Array.from(t.spans, () => 1) })`,
    says,
    more,
  );
const collator = (
  does: string,
  change: string,
  says: RegExp,
  more: More = {},
) =>
  harms(
    "collator",
    does,
    `async (o, host) => { const own = await host.create("collator", "padded"); let batches = 0;
  return { plan: (l, m) => own.plan(l, m), collate: (r, m) => { const batch = own.collate(r, m); return ++batches < 4 ? batch : (${change})(batch, r); } }; }`,
    says,
    { says: [named("collator"), says], ...more },
  );
const source = (does: string, store: string, says: RegExp, more: More = {}) =>
  harms(
    "source",
    does,
    `() => ({ accepts: () => true, open: async ({ path }) => (${store})(path) })`,
    says,
    { says: [named("source"), says], ...more },
  );
const record =
  `(path, i) => ({ value: { instruction: "q" + i, output: "a" }, where: { path, line: i + 1, index: i } })`;
const DISPOSE = `[Symbol.dispose]() {}`;

export const FORMATS: readonly HostilePlugin[] = [
  format("a format that throws in row 500", "boom", /boom/),
  format(
    "a format that throws nothing in row 500",
    "() => { throw undefined; }",
    /undefined/,
  ),
  format(
    "a format that throws a frozen error in row 500",
    `() => { throw Object.freeze(new TypeError("cold")); }`,
    /cold/,
  ),
  format(
    "a format that gives a promise",
    "() => Promise.resolve({ text: 'a' })",
    /promise/i,
  ),
  format(
    "a format that gives a promise that rejects",
    "() => Promise.reject(new Error('boom'))",
    /promise/i,
  ),
  format(
    "a format that never returns",
    "() => { for (;;); }",
    /never returns/,
    {
      code: 137,
      interrupt: 2500,
      says: [/format "odd" of plugin "odd-plugin"/, /never returns/],
    },
  ),
  format(
    "a format that gives a generator that never ends",
    "function* () { for (;;) yield 1; }",
    /expected a text/,
  ),
  format(
    "a format that gives messages without end",
    "() => ({ messages: { length: 1e9, [Symbol.iterator]: function* () { for (;;) yield { role: 'user', content: 'x' }; } } })",
    /messages/,
  ),
  format(
    "a format that gives a text object",
    "() => ({ text: new String('a') })",
    /text/,
  ),
  format(
    "a format that gives a proxy that throws",
    "() => new Proxy({ text: 'a' }, { get: boom, has: boom })",
    /boom/,
  ),
  format(
    "a format that gives ids that are no numbers",
    "() => ({ ids: [1, 2.5, NaN] })",
    /2\.5/,
    { says: [at500, /2\.5/] },
  ),
  format(
    "a format that gives ids beyond the vocabulary",
    "() => ({ ids: [1, 1e9] })",
    /1000000000/,
    { says: [at500, /1000000000/] },
  ),
  format(
    "a format that gives weights that are no numbers",
    "() => ({ ids: [1, 2, 3], weights: [1, 'x', 1] })",
    /weight/,
  ),
  format(
    "a format that gives lengths below 0",
    "() => ({ ids: [1, 2, 3], lengths: [-1, 4] })",
    /-1/,
  ),
  format(
    "a format that calls Deno.exit(0)",
    "() => Deno.exit(0)",
    /ended the process/,
    { code: 1, says: [/plugin\.js/, /ended the process/] },
  ),
  format(
    "a format that changes the record",
    "(r) => { r.value.instruction = 5; r.where.line = 3; r.where.path = 'x'; throw new Error('changed'); }",
    /changed/,
  ),
  format(
    "a format that overflows the stack",
    "function f() { return f() + 1; }",
    /call stack/,
  ),
];
export const TEMPLATES: readonly HostilePlugin[] = [
  template("a template that throws in row 500", "boom", /boom/),
  template("a template that gives nothing", "() => undefined", /nothing/),
  template(
    "a template whose text is a number",
    "(r) => ({ ...r, text: 5 })",
    /text/,
  ),
  template(
    "a template whose spans are no list",
    "(r) => ({ ...r, spans: 5 })",
    /spans/,
  ),
  template(
    "a template whose spans are beyond the text",
    "(r) => ({ ...r, spans: [{ ...r.spans[0], end: 1e9 }] })",
    /span/,
  ),
  template(
    "a template whose spans are fractions",
    "(r) => ({ ...r, spans: [{ ...r.spans[0], start: 0.5 }] })",
    /span/,
  ),
  template(
    "a template whose spans have a weight of NaN",
    "(r) => ({ ...r, spans: r.spans.map((s) => ({ ...s, weight: NaN })) })",
    /weight/,
  ),
  template("a template that gives a promise", "async (r) => r", /promise/i),
  template(
    "a template with a text of a gigabyte",
    "(r) => ({ ...r, text: 'x'.repeat(2 ** 29), spans: [] })",
    /./,
  ),
];
export const TOKENIZERS: readonly HostilePlugin[] = [
  tokenizer("a tokenizer that throws in row 500", "boom", /boom/),
  tokenizer("a tokenizer that gives nothing", "() => undefined", /./),
  tokenizer(
    "a tokenizer that gives ids beyond the vocabulary",
    "(e) => ({ ...e, ids: e.ids.map(() => 1e9) })",
    /1000000000/,
  ),
  tokenizer(
    "a tokenizer that gives ids below 0",
    "(e) => ({ ...e, ids: e.ids.map(() => -5) })",
    /-5/,
  ),
  tokenizer(
    "a tokenizer that gives too few starts",
    "(e) => ({ ...e, starts: e.starts.subarray(1) })",
    /starts/,
  ),
  tokenizer(
    "a tokenizer that gives a plain list",
    "(e) => ({ ids: [0.5, NaN, 'x'], starts: [0, 1, 2], ends: [1, 2, 3] })",
    /ids/,
  ),
  tokenizer(
    "a tokenizer that gives a detached buffer",
    "(e) => { structuredClone(e.ids.buffer, { transfer: [e.ids.buffer] }); return e; }",
    /./,
  ),
  tokenizer("a tokenizer that gives a promise", "async (e) => e", /promise/i),
  tokenizer(
    "a tokenizer whose tokens come from beyond the text",
    "(e) => ({ ...e, ends: e.ends.map(() => 1e6) })",
    /./,
  ),
];
export const MASKERS: readonly HostilePlugin[] = [
  masker("a masker that throws in row 500", "boom", /boom/),
  masker(
    "a masker that gives too few weights",
    "() => new Float32Array(1)",
    /1 weights for/,
  ),
  masker(
    "a masker that gives a plain list of texts",
    "(t) => t.spans.map(() => 'x')",
    /weight/,
  ),
  masker(
    "a masker that gives a plain list",
    "(t) => t.spans.map(() => 1)",
    /Float32Array|list/,
  ),
  masker(
    "a masker that gives NaN",
    "(t) => Float32Array.from(t.spans, () => NaN)",
    /NaN/,
  ),
  masker(
    "a masker that gives a promise",
    "async (t) => new Float32Array(t.spans.length)",
    /promise/i,
  ),
  masker(
    "a masker that gives a detached buffer",
    "(t) => { const w = new Float32Array(t.spans.length); structuredClone(w.buffer, { transfer: [w.buffer] }); return w; }",
    /0 weights/,
  ),
  masker(
    "a masker that changes the tokens it is shown",
    "(t) => { t.encoding.ids.fill(-7); return Float32Array.from(t.spans, () => 1); }",
    /Ask it/,
    { code: 0, says: [/Ask it/] },
  ),
  masker(
    "a masker that changes the spans it is shown",
    "(t) => { t.spans.length = 0; return new Float32Array(0); }",
    /./,
  ),
];
export const COLLATORS: readonly HostilePlugin[] = [
  collator("a collator that throws in step 4", "boom", /boom/, { saved: 2 }),
  collator(
    "a collator that gives tokens beyond the vocabulary",
    "(b) => ({ ...b, tokens: b.tokens.map(() => 1e6) })",
    /1000000/,
    { saved: 2 },
  ),
  collator(
    "a collator that gives positions below 0",
    "(b) => ({ ...b, positions: b.positions.map(() => -3) })",
    /position/,
    { saved: 2 },
  ),
  collator(
    "a collator that gives weights of NaN",
    "(b) => ({ ...b, weights: b.weights.map(() => NaN) })",
    /NaN/,
    { saved: 2 },
  ),
  collator(
    "a collator that gives sources that do not exist",
    "(b) => ({ ...b, sources: b.sources.map(() => 99) })",
    /source/,
    { saved: 2 },
  ),
  collator(
    "a collator that gives a huge rectangle",
    "(b) => ({ ...b, T: 1e12 })",
    /1000000000000/,
    { saved: 2 },
  ),
  collator("a collator that gives a promise", "async (b) => b", /promise/i, {
    saved: 2,
  }),
  collator(
    "a collator that changes the examples it is shown",
    "(b, rows) => { rows[0][0].ids.fill(1e6); return { ...b, tokens: b.tokens.fill(1e6) }; }",
    /1000000/,
    { saved: 2 },
  ),
];
export const SOURCES: readonly HostilePlugin[] = [
  source("a source that throws when it opens", "boom", /boom/),
  source("a source of which nothing can be asked", "() => null", /./),
  source(
    "a source with no number of rows",
    `(path) => ({ length: NaN, fingerprint: "x", at: () => 1, ${DISPOSE} })`,
    /length/,
  ),
  source(
    "a source with half a row",
    `(path) => ({ length: 2.5, fingerprint: "x", at: (i) => (${record})(path, i), ${DISPOSE} })`,
    /length/,
  ),
  source(
    "a source with fewer rows than none",
    `(path) => ({ length: -1, fingerprint: "x", at: (i) => (${record})(path, i), ${DISPOSE} })`,
    /length/,
  ),
  source(
    "a source with more rows than there can be",
    `(path) => ({ length: 1e15, fingerprint: "x", at: (i) => (${record})(path, i), ${DISPOSE} })`,
    /length/,
  ),
  source(
    "a source whose rows are promises",
    `(path) => ({ length: 9, fingerprint: "x", at: async (i) => (${record})(path, i), ${DISPOSE} })`,
    /promise/i,
  ),
  source(
    "a source whose rows are nothing",
    `(path) => ({ length: 9, fingerprint: "x", at: () => undefined, ${DISPOSE} })`,
    /nothing/,
  ),
  source(
    "a source whose row 500 throws",
    `(path) => ({ length: 520, fingerprint: "x", at: (i) => i === 499 ? boom() : (${record})(path, i), ${DISPOSE} })`,
    /Row 499 of/,
  ),
  source(
    "a source without a fingerprint",
    `(path) => ({ length: 9, at: (i) => (${record})(path, i), ${DISPOSE} })`,
    /fingerprint/,
  ),
  source("a source that never opens", "never", /never comes/, { code: 1 }),
];
/** Streams. */
const stream = (does: string, body: string, says: RegExp, more: More = {}) =>
  harms(
    "source",
    does,
    `() => ({ accepts: () => true, open: boom, async *stream({ path }) { ${body} } })`,
    says,
    {
      says: [named("source"), says],
      run: {
        data: {
          ...(CHOSEN.source.data as Record<string, unknown>),
          streaming: true,
        },
      },
      ...more,
    },
  );
export const STREAMS: readonly HostilePlugin[] = [
  stream(
    "a stream that throws in row 500",
    `for (let i = 0; i < 499; i++) yield [(${record})(path, i)]; boom();`,
    /boom/,
  ),
  stream("a stream that gives no rows", `yield 5;`, /5/),
  stream(
    "a stream that gives empty lists without end",
    `for (;;) { yield []; await null; }`,
    /empty lists/,
  ),
  stream(
    "a stream that gives empty lists without end, and leaves no time",
    `for (;;) yield [];`,
    /empty lists/,
  ),
  stream("a stream that never gives a row", `await never();`, /never comes/, {
    code: 1,
  }),
];
