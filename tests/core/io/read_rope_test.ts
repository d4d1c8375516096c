/**
 * Rotary settings against transformers 5.23: frequencies of random settings of every type. Torch's power function
 * is a last bit away from the rounded one at times, and narrow ramps multiply that: 2e-6 relative.
 */
import assert from "node:assert/strict";
import { ConfigError } from "@denotune/denotune/core";
import { ConfigReader } from "../../../core/io/config_reader.ts";
import { readRope, type RopeReading } from "../../../core/io/read_rope.ts";
import { rotaryFrequencies, rotaryTable } from "../../../core/io/rotary.ts";
import { python } from "../../python.ts";

const GOLDEN = new URL("../../golden/", import.meta.url).pathname;

interface Case {
  readonly config: { readonly [key: string]: unknown };
  readonly head_dim: number;
  readonly positions: number;
  readonly frequencies: readonly number[];
  readonly factor: number;
}

function read(
  config: Case["config"],
  options: Partial<RopeReading> & { readonly headDim: number },
) {
  const reader = new ConfigReader(config, String(config.model_type));
  reader.ignore("hidden_size", "num_attention_heads");
  const rope = readRope(reader, {
    maxPositions: reader.count("max_position_embeddings", 64),
    ...(config.model_type === "gpt_neox"
      ? { partial: { key: "rotary_pct", share: 0.25 } }
      : {}),
    ...options,
  });
  reader.done();
  return rope;
}

function checkAll(cases: readonly Case[]): void {
  for (const { config, head_dim: headDim, positions, ...wanted } of cases) {
    const what = JSON.stringify(config);
    const rope = read(config, { headDim });
    const found = rotaryFrequencies(rope, { headDim, positions });
    assert.equal(found.length, wanted.frequencies.length, what);
    wanted.frequencies.forEach((v, i) =>
      assert.ok(
        Math.abs(found[i] - v) <= 2e-6 * v,
        `${what}: frequency ${i} is ${found[i]}, expected ${v}`,
      )
    );
    const factor = "attentionFactor" in rope ? rope.attentionFactor : 1;
    assert.ok(Math.abs(factor - wanted.factor) <= 1e-6, what);
  }
}

Deno.test("frequencies of random settings equal those of transformers", () => {
  checkAll(JSON.parse(Deno.readTextFileSync(`${GOLDEN}rotary.json`)));
});

Deno.test({
  name:
    "frequencies of hundreds of random settings equal those of transformers",
  ignore: Deno.env.get("DENOTUNE_TEST_ALL") !== "1",
  async fn() {
    const seed = String(crypto.getRandomValues(new Uint16Array(1))[0]);
    const printed = await python([
      `${GOLDEN}make_rotary.py`,
      "--sweep",
      "700",
      "--seed",
      seed,
    ]);
    checkAll(JSON.parse(printed));
  },
});

Deno.test("a config without a base has the family's", () => {
  assert.equal(read({}, { headDim: 8 }).theta, 10000);
  assert.equal(read({}, { headDim: 8, theta: 2e6 }).theta, 2e6);
  assert.equal(read({ rope_theta: 5 }, { headDim: 8, theta: 2e6 }).theta, 5);
});

Deno.test("cosines and sines of yarn are multiplied by its attention factor", () => {
  const settings = { type: "yarn", factor: 4, attention_factor: 1.5 };
  const rope = read({ rope_scaling: settings }, { headDim: 4 });
  const table = rotaryTable(rope, { positions: 2, headDim: 4 });
  assert.deepEqual([...table.subarray(0, 4)], [1.5, 1.5, 0, 0]);
  const scaled = rotaryTable(rope, {
    positions: 2,
    headDim: 4,
    scaleOf: (p) => p + 1,
  });
  assert.equal(scaled[0], 1.5);
  assert.equal(scaled[4], 2 * table[4]);
});

Deno.test("dynamic frequencies are refused beyond the positions of the model", () => {
  const settings = { rope_type: "dynamic", factor: 4 };
  const rope = read({ rope_scaling: settings }, { headDim: 4 });
  rotaryTable(rope, { positions: 64, headDim: 4 });
  assert.throws(
    () => rotaryTable(rope, { positions: 65, headDim: 4 }),
    RangeError,
  );
});

Deno.test("a head that is too small to turn is refused with the settings that make it so", () => {
  assert.throws(
    () => read({ model_type: "gpt_neox" }, { headDim: 2 }),
    (error) =>
      error instanceof ConfigError &&
      ["rotary_pct", "hidden_size", "num_attention_heads"].every((name) =>
        error.message.includes(name)
      ),
  );
});

Deno.test("yarn over an odd number of columns is refused: transformers has no frequencies for it", () => {
  const settings = { rope_type: "yarn", factor: 4 };
  assert.throws(
    () =>
      read({ rope_parameters: settings, rotary_pct: 0.4 }, {
        headDim: 8,
        partial: { key: "rotary_pct", share: 0.25 },
      }),
    (error) =>
      error instanceof ConfigError &&
      error.message.includes("leaves 3 columns of a head's 8"),
  );
});

for (
  const [key, settings] of Object.entries({
    "rope_parameters.rope_type": { rope_type: "axial" },
    "rope_parameters.partial_rotary_factor": { partial_rotary_factor: 0.5 },
    "rope_parameters.mscale": { rope_type: "linear", factor: 2, mscale: 1 },
    "rope_parameters.factor": { rope_type: "linear" },
    "rope_parameters.short_factor": {
      rope_type: "longrope",
      short_factor: [1],
      long_factor: [1, 1, 1, 1],
    },
    "rope_parameters.truncate": { rope_type: "yarn", factor: 2, truncate: 1 },
    "full_attention": { full_attention: { rope_type: "default" } },
  })
) {
  Deno.test(`a config is refused for ${key} by name: ${JSON.stringify(settings)}`, () => {
    assert.throws(
      () => read({ rope_parameters: settings }, { headDim: 8 }),
      (error) => error instanceof ConfigError && error.message.includes(key),
    );
  });
}
