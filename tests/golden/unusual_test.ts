/**
 * Unusual settings of every family, against transformers 5.23: `make_unusual.py` draws them from the fields of its
 * configuration classes, one at a time and several at once, as people write them and as transformers saves them. Each
 * gives the same logits within 1e-4, or is refused by a `ConfigError` that names a setting.
 */
import assert from "node:assert/strict";
import type { Architecture } from "@denotune/denotune/core";
import { ReferenceExecutor } from "../../backends/reference/mod.ts";
import { localDevice } from "../../core/device/local_device.ts";
import { gptNeoxWith } from "../../examples/gpt_neox_model/gpt_neox.ts";
import {
  eurobertWith,
  gemma2With,
  gemma3With,
  gpt2With,
  graniteWith,
  lfm2With,
  llamaWith,
  ministral3With,
  mistral3With,
  olmo2With,
  olmo3With,
  phi3With,
  smollm3With,
} from "../../plugins/models/mod.ts";
import { builtinActivations } from "../conformance/model/architectures.ts";
import { judge, type UnusualCase } from "./_unusual.ts";
import { python } from "../python.ts";

const HERE = new URL(".", import.meta.url).pathname;
const activations = await builtinActivations();
const ARCHITECTURES = new Map<unknown, Architecture>(
  [
    eurobertWith,
    gemma2With,
    gemma3With,
    gpt2With,
    gptNeoxWith,
    graniteWith,
    lfm2With,
    llamaWith,
    ministral3With,
    mistral3With,
    olmo2With,
    olmo3With,
    phi3With,
    smollm3With,
  ].map((make) => make(activations)).flatMap((architecture) =>
    architecture.modelTypes.map((type) => [type, architecture] as const)
  ),
);

/** Judges every case; at least a third of the settings must be followed, so that refusing all is no way out. */
async function judgeAll(cases: readonly UnusualCase[]): Promise<void> {
  await using device = localDevice(new ReferenceExecutor());
  const wrong: string[] = [];
  let equal = 0;
  for (const wanted of cases) {
    const architecture = ARCHITECTURES.get(wanted.config.model_type);
    assert.ok(architecture !== undefined, String(wanted.config.model_type));
    const { kind, text } = await judge(device, architecture, wanted);
    if (kind === "equal") equal++;
    if (kind !== "wrong") continue;
    const { changed, config } = wanted;
    wrong.push(`${changed.join(", ")} ${text}\n    ${JSON.stringify(config)}`);
  }
  assert.deepEqual(wrong, []);
  assert.ok(
    equal > cases.length / 3,
    `${equal} of ${cases.length} are followed`,
  );
}

Deno.test("unusual settings give the logits of transformers, or are refused by name", async () => {
  const cases: UnusualCase[] = JSON.parse(
    Deno.readTextFileSync(`${HERE}unusual.json`),
  );
  const types = new Set(cases.map(({ config }) => config.model_type));
  assert.deepEqual([...types].sort(), [...ARCHITECTURES.keys()].sort());
  await judgeAll(cases);
});

for (const type of ARCHITECTURES.keys()) {
  Deno.test({
    name:
      `hundreds of unusual settings of a ${type} give the logits of transformers, or are refused by name`,
    ignore: Deno.env.get("DENOTUNE_TEST_ALL") !== "1",
    async fn() {
      const seed = String(crypto.getRandomValues(new Uint16Array(1))[0]);
      const printed = await python([
        `${HERE}make_unusual.py`,
        "--all",
        "--types",
        String(type),
        "--combined",
        "60",
        "--seed",
        seed,
      ]);
      const cases = printed.trim().split("\n")
        .map((line): UnusualCase => JSON.parse(line));
      assert.ok(cases.length > 200, `${cases.length} cases`);
      await judgeAll(cases);
    },
  });
}
