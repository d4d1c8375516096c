/**
 * The backward pass cut where gradients are complete: the same bits, and nothing is read too early.
 */
import assert from "node:assert/strict";
import { Engine } from "../../../../core/engine/engine.ts";
import type { EngineRequest } from "../../../../core/engine/engine_request.ts";
import { planEngine } from "../../../../core/engine/plan_engine.ts";
import { gradientName } from "../../../../core/engine/trainables.ts";
import { sumGradients } from "../../../../core/engine/ranks/sum_gradients.ts";
import { FEWEST_SUMMED } from "../../../../core/engine/ranks/gradient_pieces.ts";
import { tokensOf } from "../../../../core/engine/ranks/token_rows.ts";
import { initialWeights } from "../../../../core/io/initial_weights.ts";
import { loraAdapter } from "../../../../plugins/adapters/_attach.ts";
import { loraOptions } from "../../../../plugins/adapters/_options.ts";
import { RANKS_MODEL } from "../../../bench/_ranks_run.ts";
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
  { vocab, tied, adapter, fewestSummed }: {
    readonly vocab: number;
    readonly tied: boolean;
    readonly adapter: boolean;
    readonly fewestSummed: number | null;
  },
): EngineRequest {
  const spec = llamaArchitecture.describe({
    ...TINY_LLAMA,
    vocab_size: vocab,
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

/** All gradients of two ranks with the same rows, after two micro-batches of which the second is cut. */
async function gradientsOf(options: Parameters<typeof request>[0]) {
  await using device = await openCpu({ blas: "off", workers: 1 });
  const planned = planEngine(request(options), device.info);
  await using engine = await Engine.open(planned, device);
  const { inventory: { weights }, request: { adapter } } = planned;
  for (const w of [...weights, ...adapter?.parameters ?? []]) {
    engine.session.write(w.name, initialWeights(w, 3));
  }
  const [alone] = ranksInProcess(1);
  let sent = 0;
  const collective = {
    ...alone,
    sum(values: Float32Array) {
      sent += values.length;
      values.forEach((value, i) => values[i] = 2 * value);
      return Promise.resolve();
    },
  };
  engine.micro(INPUTS, 20);
  await sumGradients(engine, collective, {
    start: (onPiece) => engine.micro(INPUTS, 20, { onPiece }),
    tokens: tokensOf([INPUTS]),
  });
  const arenas = planned.trainables?.groups.flatMap((g) => g.arenas) ?? [];
  const all = new Map<string, number[]>();
  for (const { name } of arenas) {
    const variable = gradientName(name);
    all.set(variable, [...await engine.session.read(variable)]);
  }
  return { all, sent, pieces: planned.pieces };
}

const TOKENS = 12; // distinct ones of INPUTS, with padding
const WIDTH = TINY_LLAMA.hidden_size;

for (
  const [what, { vocab, tied, adapter = false, more }] of Object.entries({
    "a tied head, few of whose rows have tokens": {
      vocab: 512,
      tied: true,
      more: TOKENS * WIDTH, // these rows are sent twice
    },
    "a tied head": { vocab: 40, tied: true, more: 0 },
    "an untied head and checkpointing": {
      vocab: 512,
      tied: false,
      more: (TOKENS - 512) * WIDTH, // the other rows of the embedding are zero
    },
    "an adapter": { vocab: 40, tied: true, adapter: true, more: 0 },
  })
) {
  Deno.test(`gradients that are summed piece by piece have the bits of those that are summed at the end: ${what}`, async () => {
    const options = { vocab, tied, adapter };
    const whole = await gradientsOf({ ...options, fewestSummed: null });
    const cut = await gradientsOf({ ...options, fewestSummed: 1 });
    assert.equal(whole.pieces.length, 0);
    assert.ok(cut.pieces.length >= 3, `${cut.pieces.length} pieces`);
    // a number that was read before it was complete, or summed twice, would not be doubled once
    assert.deepEqual(cut.all, whole.all);
    assert.ok([...cut.all.values()].flat().some((value) => value !== 0));
    assert.equal(cut.sent - whole.sent, more);
  });
}

Deno.test("the last pieces are shorter: nothing is computed while the last of them is summed", async () => {
  const spec = llamaArchitecture.describe(RANKS_MODEL);
  const adapter = attachTo(
    { spec, weights: new Map() },
    loraAdapter(loraOptions.parse({ r: 16 })),
  );
  await using device = await openCpu({ blas: "off", workers: 1 });
  const { pieces, trainables } = planEngine(
    trainRequest(spec, {
      adapter,
      train: { B: 1, T: 8, fewestSummed: FEWEST_SUMMED },
    }),
    device.info,
  );
  const sizes = pieces.map((slices) => slices.reduce((n, s) => n + s.count, 0));
  const all = (trainables?.groups ?? []).flatMap((g) => g.arenas);
  assert.equal(
    sizes.reduce((a, b) => a + b),
    all.reduce((n, { elements }) => n + elements, 0),
  );
  assert.ok(sizes[0] >= FEWEST_SUMMED, `${sizes}`);
  assert.ok(sizes.at(-1)! <= FEWEST_SUMMED / 3, `${sizes}`);
});
