/**
 * Engines that only answer keep the matrices of linear layers by output, also those that files have by input
 * (GPT-2's Conv1D). The witness is the engine of training, which keeps them as files do.
 */
import assert from "node:assert/strict";
import { ReferenceExecutor } from "../../../../backends/reference/mod.ts";
import { localDevice } from "../../../../core/device/local_device.ts";
import type { Engine } from "../../../../core/engine/engine.ts";
import {
  transposedMatrix,
  TransposedWrites,
} from "../../../../core/engine/memory/transposed_writes.ts";
import { type Device, randomFrom } from "../../../../core/mod.ts";
import { sgdRule } from "../../../../plugins/optimizers/sgd_rule.ts";
import { openCpu } from "../../../backends/cpu/open.ts";
import { tinyBases } from "../../../conformance/adapter.ts";
import type { OpenOptions } from "../../../conformance/adapter/run.ts";
import { answers, openAnswering } from "./_answers.ts";

const BASE = tinyBases().gpt2;
const CONV1D = "transformer.h.0.mlp.c_fc.weight";
/** (in, out), as the file has it. */
const BASE_SHAPE = [16, 64];
const optimizer = sgdRule({
  learning_rate: 0.1,
  momentum: 0,
  nesterov: false,
  weight_decay: 0,
  decay_norm_and_bias: false,
});
const reference = (): Device => localDevice(new ReferenceExecutor());

/** GPT-2 with a LoRA; with an optimizer an engine of training. */
const adapted = (device: Device, options: Partial<OpenOptions> = {}) =>
  openAnswering(device, BASE, options);

Deno.test("answers are the same to the bit whether matrices are kept by output or by input", async () => {
  await using byOutput = await adapted(reference());
  await using byInput = await adapted(reference(), { optimizer });
  const shapeOf = (engine: Engine) =>
    engine.session.memory.variables.get(CONV1D)?.shape;
  assert.deepEqual(shapeOf(byInput), BASE_SHAPE);
  assert.deepEqual(shapeOf(byOutput), BASE_SHAPE.toReversed());
  assert.deepEqual(await answers(byOutput), await answers(byInput));
});

Deno.test("answers on cpu, in float32 and 16 bits, are those of the reference with any number of workers", async () => {
  for (
    const [frozenDtype, counts] of [["f32", [1, 2]], ["bf16", [2]]] as const
  ) {
    await using wanted = await adapted(reference(), { frozenDtype });
    const expected = await answers(wanted);
    const bits: (readonly number[])[] = [];
    for (const workers of counts) {
      await using device = await openCpu({ workers, blas: "auto" });
      await using engine = await adapted(device, { frozenDtype });
      const found = await answers(engine);
      assert.deepEqual(found.ids, expected.ids);
      bits.push(found.scores);
      // sums of 16 to 64 terms in float32 instead of float64
      for (const [i, score] of found.scores.entries()) {
        assert.ok(Math.abs(score - expected.scores[i]) < 2e-5);
      }
    }
    for (const other of bits) assert.deepEqual(other, bits[0]);
  }
});

Deno.test("a matrix that is kept by output is written and read in the order of its file, in parts too", async () => {
  await using engine = await adapted(reference());
  const { session } = engine;
  const data = BASE.weights.get(CONV1D)!;
  assert.deepEqual(await session.read(CONV1D), data);
  assert.deepEqual(
    await session.read(CONV1D, { start: 77, count: 200 }),
    data.slice(77, 277),
  );
  const other = data.map((v) => v + 1);
  for (let start = 0; start < other.length; start += 1000) {
    session.write(CONV1D, other.slice(start, start + 1000), start);
  }
  assert.deepEqual(await session.read(CONV1D), other);
  session.write(CONV1D, data.slice(0, 5));
  assert.throws(
    () => session.run("decode", { B: 1, T: 1 }),
    new RegExp(`decode: ${CONV1D} was written in part`),
  );
  assert.throws(
    () => session.write(CONV1D, data.slice(6, 9), 6),
    /must be written in order; 5 elements are there, given 3 from 6/,
  );
});

Deno.test("parts of matrices of any size become the transposed matrix", () => {
  const random = randomFrom(5);
  const upTo = (most: number) => 1 + Math.floor(random.next() * most);
  for (let round = 0; round < 300; round++) {
    const [rows, columns] = [upTo(70), upTo(70)]; // in memory
    const length = rows * columns;
    const make = round % 2 === 0
      ? (n: number) => new Float32Array(n)
      : (n: number) => new Uint16Array(n);
    const data = make(length).map((_, i) => i);
    const writes = new TransposedWrites();
    let all: Float32Array | Uint16Array | null = null;
    const part = upTo(length);
    for (let start = 0; start < length; start += part) {
      assert.equal(all, null);
      const own = data.slice(start, start + part);
      all = writes.add({ name: "w", shape: [rows, columns], start, data: own });
    }
    const wanted = make(length).map((_, i) =>
      data[(i % columns) * rows + Math.floor(i / columns)]
    );
    assert.deepEqual(all, wanted);
    assert.deepEqual(writes.unfinished, []);
    const back = transposedMatrix(wanted, { rows, columns });
    assert.deepEqual(back, data);
  }
});
