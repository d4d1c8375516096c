/**
 * Every family against transformers and PEFT: `families/TYPE.json`, one config a type, with weights that both sides
 * make by the same hash; the rows are longer than the windows and than the first training's positions. The reference
 * computes in double precision, torch in float32: 1e-4 on logits, 1e-4 relative on gradients, 1e-3 relative on losses of
 * twenty steps of AdamW. WebGPU is compared with `cpu` besides, number by number, at 1e-4.
 *
 * Every run has all types on the reference, and a sample on the other devices; DENOTUNE_TEST_ALL=1 has the whole table.
 */
import assert from "node:assert/strict";
import { ReferenceExecutor } from "../../backends/reference/mod.ts";
import { localDevice } from "../../core/device/local_device.ts";
import { layOut, rowsOf } from "../conformance/model/tiny_model.ts";
import {
  checkLora,
  DEVICES,
  FAMILIES,
  type Opener,
  sourceOf,
} from "./_families.ts";
import { sample } from "../sample.ts";
import { checkGreedy, checkNumbers, close } from "./_model_checks.ts";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
/** In every run, a type of each kind of layer goes through the devices besides the reference. */
const SAMPLE = ["gemma3_text", "lfm2", "phi3"];
/** Every run holds these to other golden numbers: `models/`, `lora/`, `generation.json`. */
const ELSEWHERE = ["gpt2", "llama", "mistral", "qwen2", "qwen3"];
/** Types whose blocks are computed again: the machinery is one for all. */
const AGAIN = sample(Object.keys(FAMILIES), { count: 6, seed: 3 });

Deno.test("every family has its golden numbers", () => {
  const files = [...Deno.readDirSync(new URL("families/", import.meta.url))];
  assert.deepEqual(
    files.map(({ name }) => name.replace(".json", "")).sort(),
    Object.keys(FAMILIES),
  );
});

/** Whether this run compares a type on a device. */
function isDue(type: string, { name }: Opener): boolean {
  if (ALL) return true;
  if (name === "reference") return !ELSEWHERE.includes(type);
  return SAMPLE.includes(type) && !name.includes("limits");
}

for (const type of Object.keys(FAMILIES)) {
  for (const opener of DEVICES) {
    const isReference = opener.name === "reference";
    Deno.test({
      name: `${type} on ${opener.name} computes what transformers computes`,
      ignore: !isDue(type, opener),
      async fn(t) {
        await using device = await opener.open();
        const source = sourceOf(type, device);
        await checkNumbers(t, {
          ...source,
          adamwSteps: isReference || ALL ? undefined : 2,
        });
        const { greedy } = source.expected;
        if (greedy === undefined || !isReference && !ALL) return;
        await t.step("greedy ids", () => checkGreedy(source));
      },
    });

    Deno.test({
      name: `${type} on ${opener.name}: LoRA trains as PEFT's does`,
      ignore: !ALL && (!isReference || ELSEWHERE.includes(type)),
      fn: () => checkLora(type, opener),
    });

    Deno.test({
      name: `${type} on ${opener.name} computes what cpu computes`,
      ignore: !opener.name.startsWith("webgpu") ||
        (!ALL && type !== "lfm2"),
      fn: () => checkAgainstCpu(type, opener),
    });
  }

  Deno.test({
    name: `${type}: gradients are the same bits when blocks are computed again`,
    ignore: !AGAIN.includes(type),
    async fn() {
      await using device = localDevice(new ReferenceExecutor());
      const { expected, open } = sourceOf(type, device);
      const batch = layOut(rowsOf(expected).map((r) => [r]));
      await using plain = await open();
      const wanted = await plain.step(batch);
      await using again = await open({ checkpoint: true });
      const found = await again.step(batch);
      assert.equal(found.loss, wanted.loss);
      for (const [weight, gradient] of wanted.gradients) {
        assert.deepEqual(found.gradients.get(weight), gradient, weight);
      }
    },
  });
}

/** Logits and every gradient, padded and packed; a gradient is measured by the largest of its tensor. */
async function checkAgainstCpu(type: string, opener: Opener): Promise<void> {
  const cpu = DEVICES.find(({ name }) => name === "cpu");
  assert.ok(cpu !== undefined);
  await using wantedOn = await cpu.open();
  await using foundOn = await opener.open();
  const { expected, open: openWanted } = sourceOf(type, wantedOn);
  const { open: openFound } = sourceOf(type, foundOn);
  const rows = rowsOf(expected);
  for (const lines of [rows.map((r) => [r]), [rows]]) {
    const batch = layOut(lines);
    await using onCpu = await openWanted();
    await using model = await openFound();
    close(await model.logits(batch), await onCpu.logits(batch), {
      absolute: 1e-4,
      what: "logits",
    });
    const wanted = await onCpu.step(batch);
    const { gradients } = await model.step(batch);
    for (const [weight, gradient] of wanted.gradients) {
      const largest = gradient.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-3);
      close(gradients.get(weight) ?? [], gradient, {
        absolute: 1e-4 * largest,
        what: weight,
      });
    }
  }
}
