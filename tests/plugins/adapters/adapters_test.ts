import { localDevice } from "../../../core/device/local_device.ts";
import { initialWeights } from "../../../core/io/initial_weights.ts";
import assert from "node:assert/strict";
import type { Adapter } from "@denotune/denotune/core";
import { ReferenceExecutor } from "../../../backends/reference/mod.ts";
import { loraAdapter } from "../../../plugins/adapters/_attach.ts";
import { optionsOf } from "../../../plugins/adapters/_config.ts";
import {
  type LoraOptions,
  loraOptions,
} from "../../../plugins/adapters/_options.ts";
import { principal } from "../../../plugins/adapters/_pissa.ts";
import { testAdapter, tinyBases } from "../../conformance/adapter.ts";
import {
  attachTo,
  inputsOf,
  lossOf,
  openAdapted,
  reader,
} from "../../conformance/adapter/run.ts";
import { sgdRule } from "../../../plugins/optimizers/sgd_rule.ts";

const make = (options: Partial<LoraOptions> = {}): Adapter =>
  loraAdapter(loraOptions.parse({ r: 4, lora_alpha: 8, ...options }));

testAdapter("lora", () => make());
testAdapter("lora with biases, rsLoRA and patterns", () =>
  make({
    bias: "all",
    use_rslora: true,
    rank_pattern: { "q_proj|c_attn": 2 },
    alpha_pattern: { "mlp.*": 3 },
  }));
testAdapter("lora with the table and the last norm trained whole", () => ({
  attach: (model) =>
    make({
      bias: "lora_only",
      modules_to_save: model.spec.modelType === "gpt2"
        ? ["wte", "ln_f"]
        : ["embed_tokens", "model.norm"],
    }).attach(model),
}));
testAdapter("dora", () => make({ use_dora: true }), {
  isSlope: (name) => name.endsWith("lora_magnitude_vector"),
});
testAdapter("pissa", () => make({ init_lora_weights: "pissa" }));
testAdapter(
  "dora that starts as pissa",
  () => make({ init_lora_weights: "pissa", use_dora: true }),
  { isSlope: (name) => name.endsWith("lora_magnitude_vector") },
);

const { llama, gpt2 } = tinyBases();

function targetsOf(options: Partial<LoraOptions>): string[] {
  return attachTo(llama, make(options)).parameters
    .map((p) => /^base_model\.model\.(.*)\.lora_A\.weight$/.exec(p.name)?.[1])
    .filter((name) => name !== undefined);
}

Deno.test("all-linear adapts every linear layer and not the head", () => {
  const names = targetsOf({});
  assert.equal(names.length, 2 * 7);
  assert.ok(!names.includes("lm_head"));
});

Deno.test("target_modules as a list are names or their last parts", () => {
  assert.deepEqual(
    targetsOf({
      target_modules: ["q_proj", "model.layers.1.mlp.up_proj", "proj"],
    }),
    [
      "model.layers.0.self_attn.q_proj",
      "model.layers.1.self_attn.q_proj",
      "model.layers.1.mlp.up_proj",
    ],
  );
});

Deno.test("target_modules as a text are a regular expression for the whole name", () => {
  assert.deepEqual(targetsOf({ target_modules: ".*layers\\.1.*[kv]_proj" }), [
    "model.layers.1.self_attn.k_proj",
    "model.layers.1.self_attn.v_proj",
  ]);
});

Deno.test("layers_to_transform and exclude_modules leave layers out", () => {
  assert.deepEqual(
    targetsOf({
      target_modules: ["q_proj", "v_proj"],
      layers_to_transform: [1],
    }),
    ["model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.v_proj"],
  );
  assert.deepEqual(
    targetsOf({
      target_modules: ["q_proj"],
      layers_to_transform: 0,
      layers_pattern: "layers",
    }),
    ["model.layers.0.self_attn.q_proj"],
  );
  assert.ok(
    targetsOf({ exclude_modules: ["down_proj"] }).every((name) =>
      !name.endsWith("down_proj")
    ),
  );
});

Deno.test("the config names layers shortly where that is exact, else in full", () => {
  const names = (options: Partial<LoraOptions>) =>
    attachTo(llama, make(options)).config({ path: null, revision: null })
      .target_modules;
  assert.deepEqual(names({ target_modules: ["q_proj", "v_proj"] }), [
    "q_proj",
    "v_proj",
  ]);
  assert.deepEqual(
    names({ target_modules: ["q_proj"], layers_to_transform: [1] }),
    ["model.layers.1.self_attn.q_proj"],
  );
});

function refuses(
  what: string,
  options: Partial<LoraOptions>,
  message: RegExp,
  base = llama,
): void {
  Deno.test(`${what} is refused`, () => {
    assert.throws(
      () => attachTo(base, make(options)),
      (error) =>
        error instanceof Error && error.name === "ConfigError" &&
        message.test(error.message),
      `expected ${message}`,
    );
  });
}

refuses(
  "a target that matches nothing",
  { target_modules: ["query"] },
  /No linear layer is chosen by adapter\.target_modules: query\. There are: model\.layers\.\*\.self_attn\.q_proj, /,
);
refuses(
  "the head as a target",
  { target_modules: ["lm_head"] },
  /lm_head can be trained whole: list it in adapter\.modules_to_save/,
);
refuses(
  "an embedding as a target",
  { target_modules: ["embed_tokens"] },
  /model\.embed_tokens can be trained whole/,
);
refuses(
  "a rank above the size of a layer",
  { r: 17 },
  /Rank 17 is too large for model\.layers\.0\.self_attn\.q_proj, which is 16 -> 16/,
);
refuses(
  "a module to save that is not there",
  { modules_to_save: ["classifier"] },
  /has classifier, which no module of the model is called\. There are: model\.embed_tokens, /,
);
refuses(
  "the head of a model that ties it",
  { modules_to_save: ["lm_head"] },
  /this model's head is its embedding transformer\.wte \(tied\): list wte/,
  gpt2,
);
refuses(
  "numbers of blocks beside a regular expression",
  { target_modules: ".*q_proj", layers_to_transform: [0] },
  /layers_to_transform works with target_modules as a list/,
);
refuses(
  "a broken regular expression",
  { target_modules: "(" },
  /adapter\.target_modules is no regular expression/,
);
refuses(
  "a regular expression that backtracks without end",
  { target_modules: "((\\w|\\.)*)*(?!.)x" },
  /of adapter\.target_modules takes too many steps on a text of/,
);

Deno.test("modules_to_save and biases are trained and saved under PEFT's names", () => {
  const adapter = attachTo(
    llama,
    make({
      target_modules: ["q_proj"],
      modules_to_save: ["lm_head", "norm"],
      bias: "all",
    }),
  );
  const saved = [...llama.weights.keys()].filter((n) => adapter.trainsBase(n))
    .map((n) => adapter.savedName(n));
  assert.ok(saved.includes("base_model.model.lm_head.weight"));
  assert.ok(saved.includes("base_model.model.model.norm.weight"));
  assert.ok(!saved.some((name) => name.includes("layernorm")));
  assert.ok(
    saved.includes(
      "base_model.model.model.layers.0.self_attn.q_proj.base_layer.bias",
    ),
    "an adapted layer's own bias",
  );
  assert.ok(
    saved.includes("base_model.model.model.layers.0.self_attn.k_proj.bias"),
  );
  const only = attachTo(
    llama,
    make({ target_modules: ["q_proj"], bias: "lora_only" }),
  );
  assert.deepEqual(
    [...llama.weights.keys()].filter((n) => only.trainsBase(n)),
    [
      "model.layers.0.self_attn.q_proj.bias",
      "model.layers.1.self_attn.q_proj.bias",
    ],
  );
});

Deno.test("a table that is trained whole beside a tied head tells PEFT to tie both", () => {
  const adapter = attachTo(gpt2, make({ modules_to_save: ["wte"] }));
  const config = adapter.config({ path: null, revision: null });
  // without the second name PEFT 0.21 leaves the head as it was: tried
  assert.deepEqual(adapter.savedCopies!("transformer.wte.weight"), [
    "base_model.model.lm_head.weight",
  ]);
  assert.equal(config.ensure_weight_tying, true);
  assert.deepEqual(config.modules_to_save, ["transformer.wte"]);
  assert.equal(config.fan_in_fan_out, true);
});

Deno.test("A starts as PEFT starts it and B at 0", () => {
  const [a, b] = attachTo(llama, make()).parameters;
  assert.deepEqual(a.init, { kind: "uniform", bound: 0.25 }); // sqrt(6 / (6 * 16))
  assert.deepEqual(b.init, { kind: "zeros" });
  const values = initialWeights({ ...a, shape: [64, 16] }, 3);
  assert.ok(values.every((v) => Math.abs(v) <= 0.25));
  assert.ok(values.some((v) => v > 0.2) && values.some((v) => v < -0.2));
  const [gaussian] = attachTo(llama, make({ init_lora_weights: "gaussian" }))
    .parameters;
  assert.deepEqual(gaussian.init, { kind: "normal", std: 0.25 });
});

Deno.test("what would change the result and is not known is refused by name", () => {
  const config = {
    peft_type: "LORA",
    r: 8,
    target_modules: ["q_proj"],
    init_lora_weights: true,
  };
  assert.equal(optionsOf({ ...config, peft_type: "IA3" }), null);
  assert.equal(optionsOf(config)?.lora_alpha, 8, "PEFT's default");
  for (
    const [key, value] of Object.entries({
      lora_bias: true,
      layer_replication: [[0, 1]],
      trainable_token_indices: [1],
      init_lora_weights: "olora",
      target_parameters: ["experts.w"],
    })
  ) {
    assert.throws(
      () => optionsOf({ ...config, [key]: value }),
      (error) =>
        error instanceof Error && error.name === "ConfigError" &&
        error.message.includes(key),
      key,
    );
  }
});

Deno.test("PiSSA takes the largest singular vectors out of the weight", () => {
  // diag(5, 3, 1) turned by nothing: the vectors are known
  const weight = Float32Array.of(5, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1, 0);
  const site = {
    name: "x",
    in: 4,
    out: 3,
    bias: false,
    init: { kind: "zeros" },
  } as const;
  for (const layout of ["NT", "NN"] as const) {
    const stored = layout === "NT" ? weight : Float32Array.from(
      { length: 12 },
      (_, i) => weight[(i % 3) * 4 + Math.floor(i / 3)],
    );
    const { a, b, residual } = principal(
      { site: { ...site, layout }, rank: 2, scale: 2 },
      stored,
    );
    const left = [...residual].map((v) => Math.round(v * 1e6) / 1e6 + 0);
    const ones = left.filter((v) => v !== 0);
    assert.deepEqual(ones, [1], layout);
    assert.ok(Math.abs(Math.abs(a[0] * b[0]) * 2 - 5) < 1e-5);
  }
});

Deno.test("dropout works in training only, and draws the same numbers for the same step", async () => {
  const adapter = attachTo(llama, make({ lora_dropout: 0.5 }));
  const batch = inputsOf({
    input_ids: [[3, 7, 1, 9, 22, 4]],
    labels: [[3, 7, 1, 9, 22, 4]],
    lengths: [6],
  });
  const optimizer = sgdRule({
    learning_rate: 0,
    momentum: 0,
    nesterov: false,
    weight_decay: 0,
    decay_norm_and_bias: false,
  });
  const tensors = new Map(
    adapter.parameters.map((p) => [
      p.name,
      initialWeights({ ...p, init: { kind: "normal", std: 0.5 } }, 3),
    ]),
  );
  await using engine = await openAdapted(
    localDevice(new ReferenceExecutor()),
    llama,
    { adapter, tensors, optimizer, B: 1, T: 6 },
  );
  const trained = async (keys: number) => {
    engine.micro(
      { ...batch, rowKeys: batch.rowKeys.map((k) => k + keys) },
      batch.divisor,
    );
    engine.update({ learningRate: 0, step: 1 });
    return (await engine.results(1))[0].lossSum;
  };
  const [first, again, other] = [
    await trained(0),
    await trained(0),
    await trained(1),
  ];
  assert.equal(first, again);
  assert.notEqual(first, other);
  const evaluated = await lossOf(engine, batch);
  assert.notEqual(first / batch.divisor, evaluated);
  assert.equal(await lossOf(engine, batch), evaluated);
});

Deno.test("a merged weight is the base's plus the scaled product", () => {
  const adapter = attachTo(llama, make({ target_modules: ["q_proj"] }));
  const weight = "model.layers.0.self_attn.q_proj.weight";
  const prefix = "base_model.model.model.layers.0.self_attn.q_proj.lora_";
  const a = new Float32Array(4 * 16).fill(0.5);
  const b = new Float32Array(16 * 4).fill(0.25);
  const merged = adapter.merged(
    weight,
    reader(
      llama.weights,
      new Map([[`${prefix}A.weight`, a], [`${prefix}B.weight`, b]]),
    ),
  );
  const base = llama.weights.get(weight)!;
  // alpha 8 / rank 4 * (4 * 0.5 * 0.25) = 1
  assert.deepEqual(merged, base.map((v) => v + 1));
  assert.equal(
    adapter.merged("lm_head.weight", reader(llama.weights)),
    null,
  );
});

Deno.test("expressions that take others minutes are done or refused in time", () => {
  for (
    const target_modules of [
      "(a+)+$",
      "(.*)*(.*)*(.*)*(.*)*x",
      "((((.*)*)*)*)*y",
      "(.|.)*(.|.)*(.|.)*(.|.)*!",
      "(a?){1000000000}",
      "(.{0,60}){0,60}".repeat(300),
      "(".repeat(5000) + ")".repeat(5000),
      "a".repeat(1_000_000),
    ]
  ) {
    const start = performance.now();
    assert.throws(
      () => attachTo(llama, make({ target_modules })),
      { name: "ConfigError" },
    );
    const took = performance.now() - start;
    assert.ok(took < 60_000, `${target_modules.slice(0, 40)}: ${took} ms`);
  }
});
