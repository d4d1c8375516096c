/**
 * Training beside a base of 8 or 4 bits: the base is the numbers that its codes stand for, in both directions
 * and both layouts of files.
 */
import { localDevice } from "../../../core/device/local_device.ts";
import { isQuantized } from "../../../core/graph/dtype.ts";
import { SafetensorsFile } from "../../../core/io/read_safetensors.ts";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ReferenceExecutor } from "../../../backends/reference/mod.ts";
import { modelSchema } from "../../../core/config/schema/model_schema.ts";
import type { Engine } from "../../../core/engine/engine.ts";
import { planEngine } from "../../../core/engine/plan_engine.ts";
import {
  openModel,
  writeBaseWeights,
} from "../../../core/run/open/open_model.ts";
import {
  asStored,
  writeQuantized,
} from "../../../core/engine/quantized_weights.ts";
import {
  creatingWith,
  type Device,
  QUANTIZATIONS,
  quantizedWords,
  randomFrom,
} from "../../../core/mod.ts";
import { loraAdapter } from "../../../plugins/adapters/_attach.ts";
import { loraOptions } from "../../../plugins/adapters/_options.ts";
import { sgdRule } from "../../../plugins/optimizers/sgd_rule.ts";
import { openCpu } from "../../backends/cpu/open.ts";
import { tinyBases } from "../../conformance/adapter.ts";
import {
  attachTo,
  type Base,
  inputsOf,
  lossOf,
  openAdapted,
  type OpenOptions,
  readBase,
  trainStep,
} from "../../conformance/adapter/run.ts";
import {
  builtinRegistry,
  runConfig,
  testFolder,
  TINY_LLAMA,
  tinyRun,
} from "../../run_harness.ts";

const BASES = tinyBases();
const batch = inputsOf({
  input_ids: [[3, 7, 1, 9, 22, 4], [5, 2, 8, 0, 0, 0]],
  labels: [[-100, 7, 1, 9, -100, 4], [5, 2, 8, -100, -100, -100]],
  lengths: [6, 3],
});
const size = { B: 2, T: 6 };
/** Small: what float32 and float64 differ by grows with it from step to step. */
const LEARNING_RATE = 0.01;

const sgd = sgdRule({
  learning_rate: LEARNING_RATE,
  momentum: 0,
  nesterov: false,
  weight_decay: 0,
  decay_norm_and_bias: false,
});

const reference = (): Device => localDevice(new ReferenceExecutor());

/** The reference, with matrix products that read no quantised storage: they are widened before. */
function widening(): Device {
  const executor = new ReferenceExecutor();
  return localDevice(
    Object.assign(executor, { info: { ...executor.info, storages: [] } }),
  );
}

/** An engine with an adapter whose every number has been moved: `lora_B` does not start at zero. */
async function moved(
  device: Device,
  base: Base,
  options: Omit<OpenOptions, "adapter" | "B" | "T"> & { use_dora?: boolean },
): Promise<Engine> {
  const { use_dora = false, ...rest } = options;
  const adapter = attachTo(
    base,
    loraAdapter(loraOptions.parse({ r: 2, use_dora })),
  );
  const engine = await openAdapted(device, base, {
    adapter,
    ...rest,
    optimizer: sgd,
    ...size,
  });
  const random = randomFrom(31);
  for (const { name } of adapter.parameters) {
    const start = await engine.readTrained(name);
    engine.writeTrained(name, start.map((v) => v + 0.1 * random.normal()));
  }
  return engine;
}

/** A base with the numbers that a quantised one stands for. */
async function rounded(engine: Engine, base: Base): Promise<Base> {
  const weights = new Map<string, Float32Array>();
  for (const name of base.weights.keys()) {
    weights.set(name, await engine.session.read(name));
  }
  return { ...base, weights };
}

for (const [model, base] of Object.entries(BASES)) {
  for (const quantization of QUANTIZATIONS) {
    const title = `${quantization}, ${model}`;

    for (const use_dora of [false, true]) {
      Deno.test(`a quantised base is the base of its own numbers (${title}, ${use_dora ? "dora" : "lora"})`, async () => {
        await using engine = await moved(reference(), base, {
          quantization,
          use_dora,
        });
        const plain = await rounded(engine, base);
        const quantised = [...base.weights.keys()].filter((name) =>
          isQuantized(engine.session.dtypeOf(name))
        );
        assert.equal(quantised.length, model === "llama" ? 14 : 8);
        for (const [name, before] of base.weights) {
          const found = plain.weights.get(name)!;
          assert.equal(found.length, before.length);
          // in the file's order: neighbours would not be that near
          if (!quantised.includes(name)) assert.deepEqual(found, before);
          else {
            const error = before.map((v, i) => Math.abs(v - found[i]));
            assert.ok(Math.max(...error) < 0.12, name);
            assert.ok(Math.max(...error) > 0, name);
          }
        }
        await using widened = await moved(reference(), plain, { use_dora });
        await using fallback = await moved(
          widening(),
          base,
          { quantization, use_dora },
        );
        for (const other of [widened, fallback]) {
          for (const e of [engine, other]) e.micro(batch, batch.divisor);
          for (const { name } of engine.planned.trainables!.tensors) {
            assert.deepEqual(
              await engine.gradient(name),
              await other.gradient(name),
              name,
            );
          }
          for (const e of [engine, other]) {
            e.update({ learningRate: 0, step: 1 });
          }
          assert.deepEqual(await engine.results(1), await other.results(1));
        }
      });
    }

    Deno.test(`gradients beside a quantised base are slopes of the loss (${title})`, async () => {
      await using engine = await moved(reference(), base, { quantization });
      engine.micro(batch, batch.divisor);
      const h = 2 ** -8;
      const random = randomFrom(8);
      for (const { name } of engine.planned.trainables!.tensors) {
        const gradient = await engine.gradient(name);
        const centre = await engine.readTrained(name);
        // along one random direction of signs
        const signs = centre.map(() => random.next() < 0.5 ? -1 : 1);
        const at = async (step: number) => {
          engine.writeTrained(name, centre.map((v, i) => v + step * signs[i]));
          return await lossOf(engine, batch);
        };
        const slope = (8 * (await at(h) - await at(-h)) -
          (await at(2 * h) - await at(-2 * h))) / (12 * h);
        engine.writeTrained(name, centre);
        const wanted = gradient.reduce((sum, g, i) => sum + g * signs[i], 0);
        const scale = gradient.reduce((sum, g) => sum + Math.abs(g), 0);
        // losses are read in float32: 3e-7 of a loss of 4 by h is 2e-4
        assert.ok(
          Math.abs(slope - wanted) <= 2e-4 + 2e-3 * scale,
          `${name}: slope ${slope}, gradient ${wanted}`,
        );
      }
    });

    Deno.test(`five steps beside a quantised base are those of the reference on cpu (${title})`, async () => {
      for (const use_dora of [false, true]) {
        await using device = await openCpu({ workers: 2, blas: "off" });
        await using ours = await moved(device, base, {
          quantization,
          use_dora,
        });
        await using theirs = await moved(reference(), base, {
          quantization,
          use_dora,
        });
        for (let step = 1; step <= 5; step++) {
          // norms rise again at 0.01, where each step makes a difference of the last bit ten times as large
          const options = { step, learningRate: 0.003 };
          const found = await trainStep(ours, batch, options);
          const wanted = await trainStep(theirs, batch, options);
          const change = [
            found.loss / wanted.loss - 1,
            found.gradNorm / wanted.gradNorm - 1,
          ];
          assert.ok(
            Math.abs(change[0]) < 5e-7 && Math.abs(change[1]) < 5e-6,
            `step ${step}: loss and norm differ by ${change}`,
          );
        }
      }
    });
  }
}

Deno.test("the plan knows the bytes of a quantised base", () => {
  const { llama } = BASES;
  const adapter = attachTo(llama, loraAdapter(loraOptions.parse({ r: 2 })));
  const weightsOf = (quantization: "int8" | "nf4" | null) =>
    planEngine({
      spec: llama.spec,
      adapter,
      frozenDtype: "f32",
      quantization,
      causal: true,
      train: null,
      evaluate: size,
      generate: null,
      sources: 1,
    }, { alignment: 4, maxBufferBytes: 2 ** 30 });
  const plain = weightsOf(null);
  for (const format of QUANTIZATIONS) {
    const { report, memory } = weightsOf(format);
    let saved = 0;
    for (const { dtype, shape } of memory.variables.values()) {
      if (!isQuantized(dtype)) continue;
      const [rows, columns] = shape;
      saved += 4 * rows * columns -
        4 * quantizedWords({ format: dtype, rows, columns });
    }
    assert.notEqual(saved, 0);
    assert.equal(report.weights, plain.report.weights - saved);
  }
});

Deno.test("patterns choose another storage for some matrices: the first that matches counts", () => {
  const { memory } = planEngine({
    spec: BASES.llama.spec,
    adapter: attachTo(
      BASES.llama,
      loraAdapter(loraOptions.parse({ r: 2 })),
    ),
    frozenDtype: "bf16",
    quantization: "nf4",
    quantizationPattern: {
      "*.0.mlp.up_proj.weight": null,
      "*.up_proj.*": "int8",
    },
    causal: true,
    train: null,
    evaluate: size,
    generate: null,
    sources: 1,
  }, { alignment: 4, maxBufferBytes: 2 ** 30 });
  const dtypeOf = (name: string) =>
    memory.variables.get(`model.layers.${name}.weight`)?.dtype;
  assert.equal(dtypeOf("0.mlp.up_proj"), "bf16");
  assert.equal(dtypeOf("1.mlp.up_proj"), "int8");
  assert.equal(dtypeOf("0.mlp.down_proj"), "nf4");
});

Deno.test("weights of files are packed as they are read, Conv1D's too", async () => {
  const url = new URL("../../golden/models/gpt2-tied", import.meta.url);
  const path = fileURLToPath(url);
  const registry = builtinRegistry();
  const creating = creatingWith(registry, { modelDir: path, base: path });
  using model = await openModel(
    modelSchema().parse({ path }),
    { path, hub: null },
    creating,
  );
  const base = await readBase(path);
  for (const quantization of QUANTIZATIONS) {
    await using engine = await openAdapted(reference(), base, {
      adapter: attachTo(base, loraAdapter(loraOptions.parse({ r: 2 }))),
      quantization,
      ...size,
    });
    const { session, planned } = engine;
    const read = async () => {
      const found = new Map<string, Float32Array>();
      for (const { name } of planned.inventory.weights) {
        found.set(name, await session.read(name));
      }
      return found;
    };
    const expected = await read();
    for (const [name, data] of expected) {
      assert.deepEqual(asStored(session, name, base.weights.get(name)!), data);
      if (isQuantized(session.dtypeOf(name))) {
        writeQuantized(session, name, (_, count) => new Float32Array(count));
      }
    }
    await writeBaseWeights(model, planned.inventory.weights, {
      session,
      seed: 0,
    });
    assert.deepEqual(await read(), expected);
  }
});

Deno.test("an adapter that starts by changing the base does not start beside a quantised one", async () => {
  using folder = testFolder();
  await assert.rejects(
    runConfig(tinyRun(folder.at("pissa"), {
      model: { from_config: TINY_LLAMA, quantization: "nf4" },
      adapter: { use: "lora", init_lora_weights: "pissa" },
    })),
    {
      name: "ConfigError",
      message: /stored as nf4.*init_lora_weights=default/,
    },
  );
});

Deno.test("quantisation needs frozen linear layers", async () => {
  using folder = testFolder();
  const model = { from_config: TINY_LLAMA, quantization: "int8" } as const;
  await assert.rejects(runConfig(tinyRun(folder.at("a"), { model })), {
    name: "ConfigError",
    message: /`model\.quantization` is "int8".*`adapter` or `model\.freeze`/,
  });
  await assert.rejects(
    runConfig(tinyRun(folder.at("b"), {
      model: { ...model, freeze: ["model.embed_tokens.weight"] },
    })),
    {
      name: "ConfigError",
      message:
        /model\.quantization asks for int8, but every linear layer it names is trained/,
    },
  );
  await assert.rejects(
    runConfig(tinyRun(folder.at("c"), {
      model: {
        ...model,
        freeze: ["model.embed_tokens.weight"],
        quantization_pattern: { "*.q_prj.weight": null },
      },
    })),
    {
      name: "ConfigError",
      message:
        /quantization_pattern: "\*\.q_prj\.weight" matches no matrix.*such as model\.layers\.0\./,
    },
  );
});

Deno.test("a run beside 4 bits that stopped goes on bit for bit", async () => {
  using folder = testFolder();
  const config = (name: string) =>
    tinyRun(folder.at(name), {
      model: { from_config: TINY_LLAMA, quantization: "nf4" },
      adapter: { use: "lora", r: 4 },
      training: { epochs: 1, max_steps: 6 },
    });
  const whole = await runConfig(config("whole"));
  const controller = new AbortController();
  const first = await runConfig(config("stopped"), {
    signal: controller.signal,
    onEvent: (event) => {
      if (event.event === "step" && event.step === 3) controller.abort();
    },
  });
  assert.equal(first.result.status, "interrupted");
  const second = await runConfig(config("stopped"));
  assert.deepEqual([...first.losses, ...second.losses], whole.losses);
  const bytes = (name: string) =>
    Deno.readFileSync(folder.at(name, "adapter_model.safetensors"));
  assert.deepEqual(bytes("stopped"), bytes("whole"));
  const float32 = await runConfig({
    ...config("float32"),
    model: { from_config: TINY_LLAMA },
  });
  assert.notDeepEqual(float32.losses, whole.losses);
});

Deno.test("a model with frozen layers of 8 bits is saved with the numbers that it was trained beside", async () => {
  using folder = testFolder();
  const name = "model.layers.0.mlp.up_proj.weight";
  const run = (at: string, quantization: "int8" | null) =>
    runConfig(tinyRun(folder.at(at), {
      model: {
        from_config: TINY_LLAMA,
        quantization,
        freeze: ["model.layers.0.*"],
      },
      training: { max_steps: 2 },
    }));
  await run("int8", "int8");
  await run("float32", null);
  const read = (at: string) => {
    using file = new SafetensorsFile(folder.at(at, "model.safetensors"));
    return file.tensors.get(name)!.read();
  };
  const [found, before] = [read("int8"), read("float32")];
  for (let row = 0; row < TINY_LLAMA.intermediate_size; row++) {
    const own = before.subarray(row * 32, (row + 1) * 32);
    const step = Math.max(...own.map(Math.abs)) / 127;
    own.forEach((v, i) => {
      const stored = found[row * 32 + i];
      assert.ok(Math.abs(stored - v) <= step / 2 * 1.001);
      assert.ok(Math.abs(stored / step - Math.round(stored / step)) < 1e-3);
    });
  }
});
