/**
 * The backward pass cut where gradients are complete: the same bits, and nothing is read too early.
 */
import assert from "node:assert/strict";
import { Engine } from "../../../../core/engine/engine.ts";
import {
  type EngineRequest,
  planEngine,
} from "../../../../core/engine/plan_engine.ts";
import { gradientName } from "../../../../core/engine/trainables.ts";
import { sumGradients } from "../../../../core/engine/ranks/sum_over_ranks.ts";
import { initialWeights } from "../../../../core/io/initial_weights.ts";
import { loraAdapter } from "../../../../plugins/adapters/_attach.ts";
import { loraOptions } from "../../../../plugins/adapters/_options.ts";
import { openCpu } from "../../../backends/cpu/open.ts";
import { attachTo } from "../../../conformance/adapter/run.ts";
import { llamaArchitecture } from "../../../conformance/model/architectures.ts";
import { layOutLines } from "../../../golden/_lines.ts";
import { TINY_LLAMA } from "../../../run_harness.ts";
import { ranksInProcess } from "../../run/_ranks.ts";
import { trainRequest } from "../../../train_request.ts";

const INPUTS = layOutLines([[5, 6, 7, 8], [9, 10, 11, 12, 13, 14, 15]].map(
  (ids) => [{ ids, labels: ids }],
));

function request(
  { tied, adapter, fewestSummed }: {
    readonly tied: boolean;
    readonly adapter: boolean;
    readonly fewestSummed: number | null;
  },
): EngineRequest {
  const spec = llamaArchitecture.describe({
    ...TINY_LLAMA,
    tie_word_embeddings: tied,
  });
  return trainRequest(spec, {
    adapter: adapter
      ? attachTo(
        { spec, weights: new Map() },
        loraAdapter(loraOptions.parse({ r: 4, init_lora_weights: "gaussian" })),
      )
      : null,
    train: { B: 2, T: 8, checkpointing: !tied, fewestSummed },
  });
}

/** All gradients, after two micro-batches of which the second is cut. */
async function gradientsOf(options: Parameters<typeof request>[0]) {
  await using device = await openCpu({ blas: "off", workers: 1 });
  const planned = planEngine(request(options), device.info);
  await using engine = await Engine.open(planned, device);
  const { inventory: { weights }, request: { adapter } } = planned;
  for (const w of [...weights, ...adapter?.parameters ?? []]) {
    engine.session.write(w.name, initialWeights(w, 3));
  }
  const [alone] = ranksInProcess(1);
  const early: number[][] = [];
  const collective = {
    ...alone,
    sum(values: Float32Array) {
      early.push([...values]);
      return Promise.resolve();
    },
  };
  engine.micro(INPUTS, 20);
  await sumGradients(engine, collective, (onPiece) => {
    engine.micro(INPUTS, 20, { onPiece });
    return Promise.resolve();
  });
  const arenas = planned.trainables?.groups.flatMap((g) => g.arenas) ?? [];
  const all = new Map<string, number[]>();
  for (const { name } of arenas) {
    const variable = gradientName(name);
    all.set(variable, [...await engine.session.read(variable)]);
  }
  return { all, early, pieces: planned.pieces, arenas };
}

for (
  const [what, tied, adapter] of [
    ["a tied head", true, false],
    ["an untied head and checkpointing", false, false],
    ["an adapter", true, true],
  ] as const
) {
  Deno.test(`gradients that are summed piece by piece have the bits of those that are summed at the end: ${what}`, async () => {
    const whole = await gradientsOf({ tied, adapter, fewestSummed: null });
    const cut = await gradientsOf({ tied, adapter, fewestSummed: 1 });
    assert.equal(whole.pieces.length, 0);
    assert.ok(cut.pieces.length >= 3, `${cut.pieces.length} pieces`);
    assert.deepEqual(cut.all, whole.all);
    assert.ok([...cut.all.values()].flat().some((value) => value !== 0));
    // what was given to each sum, while later pieces had not run, is what is there at the end
    const seen = new Map(
      [...cut.all].map(([name, of]) => [name, of.map(() => 0)]),
    );
    cut.pieces.forEach((slices, index) => {
      const wanted = slices.flatMap(({ variable, start, count }) => {
        for (let i = start; i < start + count; i++) seen.get(variable)![i]++;
        return cut.all.get(variable)?.slice(start, start + count) ?? [];
      });
      assert.deepEqual(cut.early[index], wanted);
    });
    // each number once
    assert.ok([...seen.values()].flat().every((times) => times === 1));
  });
}
