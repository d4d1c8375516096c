/**
 * Plugins whose parts do harm while a run trains, measures and saves.
 * @module
 */
import { CHOSEN, harmsSaying } from "./creating.ts";
import { type HostilePlugin, named } from "./hostile_plugin.ts";

type More = Partial<HostilePlugin>;

const harms = harmsSaying();

/** After some checkpoints. */
const LATE: More = { saved: 4 };

const objective = (
  does: string,
  change: string,
  says: RegExp,
  more: More = {},
) =>
  harms(
    "objective",
    does,
    `async (o, host) => { const own = await host.create("objective", "causal-lm"); let calls = 0;
  return { attention: "causal", inputs: (b, k) => ++calls < 5 ? own.inputs(b, k) : (${change})(own.inputs(b, k)) }; }`,
    says,
    { ...LATE, ...more },
  );
const schedule = (
  does: string,
  factor: string,
  says: RegExp,
  more: More = {},
) =>
  harms(
    "schedule",
    does,
    `() => ({ factor: (step) => step < 4 ? 1 : (${factor})(step) })`,
    says,
    { ...LATE, ...more },
  );
const optimizer = (
  does: string,
  change: string,
  says: RegExp,
  more: More = {},
) =>
  harms(
    "optimizer",
    does,
    `async (o, host) => { const own = await host.create("optimizer", "sgd");
  const base = { learningRate: 0.01, weightDecay: 0, decays: () => false, slots: [], scalarNames: [], scalars: () => ({}),
    update: (i) => own.update(i) };
  return { ...base, ...(${change}) }; }`,
    says,
    more,
  );
const adapter = (does: string, change: string, says: RegExp, more: More = {}) =>
  harms(
    "adapter",
    does,
    `async (o, host) => { const own = await host.create("adapter", { use: "lora", r: 2 });
  return { attach: (m) => { const a = own.attach(m); const base = { parameters: a.parameters, initialise: (r) => a.initialise?.(r) ?? new Map(),
    trainsBase: (n) => a.trainsBase(n), linear: (c) => a.linear(c), merged: (w, r) => a.merged(w, r), config: (b) => a.config(b), savedName: (w) => a.savedName(w) };
    return { ...base, ...(${change}) }; } }; }`,
    says,
    more,
  );
const model = (does: string, change: string, says: RegExp, more: More = {}) =>
  harms(
    "model",
    does,
    `async (o, host) => { const own = await host.create("model", "llama");
  return { modelTypes: ["odd"], describe: (c) => { const s = own.describe({ ...c, model_type: "llama" }); const base = { ...s, forward: (b) => s.forward(b) };
    return { ...base, ...(${change})(s) }; } }; }`,
    says,
    {
      run: { model: { from_config: { ...TINY, model_type: "odd" } } },
      ...more,
    },
  );
const TINY = {
  model_type: "llama",
  vocab_size: 259,
  hidden_size: 8,
  intermediate_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  hidden_act: "silu",
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
};
const evaluator = (does: string, part: string, says: RegExp, more: More = {}) =>
  harms(
    "evaluator",
    does,
    `() => ({ asks: () => ({}), score: () => ({ numbers: {} }), ...(${part}) })`,
    says,
    {
      run: { ...CHOSEN.evaluator, training: { eval_steps: 3 } },
      saved: 2,
      ...more,
    },
  );
const tracker = (does: string, part: string, says: RegExp, more: More = {}) =>
  harms(
    "tracker",
    does,
    `() => ({ start() {}, event() {}, close() {}, ...(${part}) })`,
    says,
    {
      code: 0,
      saved: 4,
      says: [named("tracker"), /the run continues/, says, /Ask it/],
      ...more,
    },
  );
const backend = (does: string, change: string, says: RegExp, more: More = {}) =>
  harms(
    "backend",
    does,
    `async (o, host) => { const own = await host.create("backend", "reference");
  const odd = (device) => { let runs = 0; const base = { info: device.info, allocate: (b, l) => device.allocate(b, l), free: (b) => device.free(b),
    write: (b, d, o) => device.write(b, d, o), read: (b, o, l) => device.read(b, o, l), compile: (p) => device.compile(p),
    run: (p, e) => device.run(p, e), idle: () => device.idle(), [Symbol.asyncDispose]: () => device[Symbol.asyncDispose]() };
    return { ...base, ...(${change})(base) }; };
  return { available: (c) => own.available(c), open: async () => odd(await own.open()) }; }`,
    says,
    more,
  );
/** One of two processes, whose other one says nothing. */
const collective = (
  does: string,
  part: string,
  says: RegExp,
  more: More = {},
) =>
  harms(
    "collective",
    does,
    `() => { let sums = 0, own = [], at = 0; return { rank: 0, world: 2, sum: () => Promise.resolve(),
    reduceScatter: (v) => Promise.resolve(v.slice(0, v.length / 2)),
    allGather: (v) => Promise.resolve(Float32Array.from([...v, ...v])), broadcast: async (v, root) => { if (root === 0) { own = [...own, v.slice()].slice(-2); at = 0; } else v.set(own[at++ % 2]); },
    ...(${part}) }; }`,
    says,
    more,
  );
const activation = (does: string, apply: string, says: RegExp) =>
  harms("activation", does, `() => ({ apply: ${apply} })`, says, {
    run: { model: { from_config: { ...TINY, hidden_act: "odd" } } },
  });
const command = (does: string, run: string, says: RegExp, more: More = {}) =>
  harms(
    "command",
    does,
    `() => ({ optionsSchema: { type: "object", properties: {} }, run: ${run} })`,
    says,
    {
      words: ["--plugin", "./plugin.js", "odd"],
      ...more,
    },
  );

/** The plugins. */
export const RUNNING: readonly HostilePlugin[] = [
  objective("an objective that throws in step 5", "boom", /boom/),
  objective(
    "an objective that gives nothing in step 5",
    "() => undefined",
    /nothing/,
  ),
  objective("an objective that gives a promise", "async (i) => i", /promise/),
  objective(
    "an objective whose targets are beyond the vocabulary",
    "(i) => ({ ...i, targets: i.targets.map(() => 1e6) })",
    /1000000/,
  ),
  objective(
    "an objective whose rows are beyond the batch",
    "(i) => ({ ...i, rows: i.rows.map(() => 1e6) })",
    /1000000/,
  ),
  objective(
    "an objective whose divisor is NaN",
    "(i) => ({ ...i, divisor: NaN })",
    /NaN/,
  ),
  objective(
    "an objective whose weights are NaN",
    "(i) => ({ ...i, weights: i.weights.map(() => NaN) })",
    /NaN/,
  ),
  objective(
    "an objective without positions",
    "(i) => ({ ...i, positions: undefined })",
    /positions/,
  ),
  objective(
    "an objective whose positions are below 0",
    "(i) => ({ ...i, positions: i.positions.map(() => -1) })",
    /position/,
  ),
  objective(
    "an objective with half a row",
    "(i) => ({ ...i, B: 0.5 })",
    /0\.5/,
  ),
  objective(
    "an objective whose arrays are detached",
    "(i) => { structuredClone(i.tokens.buffer, { transfer: [i.tokens.buffer] }); return i; }",
    /tokens/,
  ),
  schedule("a schedule that throws in step 5", "boom", /boom/, { saved: 0 }),
  schedule("a schedule that gives NaN in step 5", "() => NaN", /NaN/, {
    saved: 0,
  }),
  schedule("a schedule that gives a text in step 5", "() => '1'", /"1"/, {
    saved: 0,
  }),
  schedule("a schedule that gives a huge factor", "() => 1e300", /./, {
    code: 1,
    says: [/not finite/],
  }),
  optimizer("an optimizer whose update throws", "{ update: boom }", /boom/),
  optimizer(
    "an optimizer whose update gives nothing",
    "{ update: () => undefined }",
    /./,
  ),
  optimizer(
    "an optimizer whose update gives a number",
    "{ update: () => ({ parameter: 5, slots: {} }) }",
    /./,
  ),
  optimizer(
    "an optimizer whose learning rate is a text",
    "{ learningRate: '1' }",
    /"1" as `learningRate`/,
  ),
  optimizer(
    "an optimizer whose scalars throw in step 5",
    "{ scalarNames: ['x'], scalars: (step) => step < 5 ? { x: 1 } : boom() }",
    /boom/,
    LATE,
  ),
  optimizer(
    "an optimizer whose scalars are missing",
    "{ scalarNames: ['x'], scalars: () => ({}) }",
    /./,
  ),
  optimizer(
    "an optimizer with slots without end",
    "{ slots: { length: 1e9 } }",
    /expected list/,
  ),
  adapter("an adapter that cannot be attached", "boom()", /boom/),
  adapter("an adapter whose layer throws", "{ linear: boom }", /boom/),
  adapter(
    "an adapter whose layer has another shape",
    "{ linear: (c) => c.x }",
    /./,
  ),
  adapter("an adapter whose layer is no tensor", "{ linear: () => 5 }", /./),
  adapter(
    "an adapter that throws when it is saved",
    "{ config: boom }",
    /boom/,
  ),
  adapter(
    "an adapter that starts with wrong sizes",
    "{ initialise: () => new Map(a.parameters.map(({ name }) => [name, new Float32Array(3)])) }",
    /./,
  ),
  model("a model that throws where it is described", "boom", /boom/),
  model("a model whose graph throws", "() => ({ forward: boom })", /boom/),
  model(
    "a model whose graph gives nothing",
    "() => ({ forward: () => undefined })",
    /./,
  ),
  model(
    "a model with no vocabulary",
    "() => ({ vocabSize: 0 })",
    /rows for 0/,
    { says: [/rows for 0/] },
  ),
  model("a model with a width of NaN", "() => ({ hiddenSize: NaN })", /NaN/),
  activation("an activation that throws", "boom", /boom/),
  activation("an activation that gives a number", "() => 5", /./),
  evaluator(
    "an evaluator that throws where it asks",
    "{ asks: boom }",
    /boom/,
    { saved: 0 },
  ),
  evaluator(
    "an evaluator that asks nonsense",
    "{ asks: () => ({ questions: 5 }) }",
    /./,
    { saved: 0 },
  ),
  evaluator(
    "an evaluator that throws in the middle",
    "{ score: boom }",
    /boom/,
  ),
  evaluator(
    "an evaluator that gives NaN",
    "{ score: () => ({ numbers: { '': NaN } }) }",
    /NaN/,
  ),
  evaluator("an evaluator that gives nothing", "{ score: () => null }", /./),
  evaluator(
    "an evaluator that writes outside of the run's folder",
    "{ score: () => ({ numbers: {}, files: { '/../../../gone.txt': 'x' } }) }",
    /gone/,
  ),
  evaluator(
    "an evaluator whose records go in a circle",
    "{ score: () => { const r = {}; r.r = r; return { numbers: {}, records: [r] }; } }",
    /./,
  ),
  evaluator(
    "an evaluator that never answers",
    "{ score: never }",
    /Ask it|Stopping/,
    { code: 130, interrupt: "step 3/6", saved: 3, says: [/Stopping/] },
  ),
  tracker("a tracker that throws at the start", "{ start: boom }", /boom/),
  tracker(
    "a tracker that throws in the middle",
    "{ event: (e) => { if (e.step === 3) boom(); } }",
    /boom/,
  ),
  tracker(
    "a tracker that rejects in the middle",
    "{ event: async (e) => { await null; if (e.step === 3) boom(); } }",
    /boom/,
  ),
  tracker("a tracker that throws at the end", "{ close: boom }", /boom/),
  tracker(
    "a tracker that changes what it is told",
    "{ event: (e) => { e.loss = 'x'; e.event = 'odd'; } }",
    /./,
    { says: [/Ask it/] },
  ),
  backend(
    "a backend that throws in a step",
    "(d) => { let n = 0; return { run: (...a) => ++n > 6 ? boom() : d.run(...a) }; }",
    /boom/,
    { saved: 2 },
  ),
  backend(
    "a backend whose reads reject",
    "() => ({ read: () => Promise.reject(new Error('boom')) })",
    /boom/,
  ),
  backend(
    "a backend that gives too few bytes",
    "(d) => ({ read: async (...a) => (await d.read(...a)).slice(1) })",
    /./,
  ),
  backend("a backend that says nothing of itself", "() => ({ info: {} })", /./),
  collective("a collective that throws at once", "{ sum: boom }", /boom/),
  collective(
    "a collective that rejects in the middle",
    "{ sum: () => ++sums > 3 ? Promise.reject(new Error('boom')) : Promise.resolve() }",
    /boom/,
  ),
  collective(
    "a collective that passes nothing on",
    "{ broadcast: () => Promise.resolve() }",
    /./,
    {
      says: [/`broadcast` of the collective .* did not give what rank 1 sent/],
    },
  ),
  collective(
    "a collective whose sum never returns",
    "{ sum: () => ++sums > 5 ? never() : Promise.resolve() }",
    /Stopping/,
    { code: 130, interrupt: "step 2/6", says: [/Stopping/] },
  ),
  collective(
    "a collective of no processes",
    "{ world: NaN }",
    /NaN as `world`/,
  ),
  command("a command that throws", "boom", /boom/),
  command(
    "a command that rejects with nothing",
    "() => Promise.reject(undefined)",
    /undefined/,
  ),
  command("a command that never ends", "never", /./, {
    code: 1,
    says: [/never comes/],
  }),
];
