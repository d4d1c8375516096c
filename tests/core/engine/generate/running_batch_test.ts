/**
 * Rows that join and leave a running batch. The model is random and tokens are drawn, so that any row, place or slot
 * that is mistaken for another gives other ids.
 */
import assert from "node:assert/strict";
import type { Device } from "../../../../core/contracts/backend.ts";
import type { TokenConstraint } from "../../../../core/contracts/token_constraint.ts";
import type {
  GeneratedRow,
  SubmittedRow,
} from "../../../../core/engine/generate/generation_row.ts";
import type { Generator } from "../../../../core/engine/generate/generator.ts";
import type { RowSampling } from "../../../../core/engine/generate/sampling.ts";
import type { TokenScore } from "../../../../core/engine/generate/token_scores.ts";
import { randomFrom } from "../../../../core/mod.ts";
import { hybridArchitecture } from "../../../../examples/hybrid_model/hybrid.ts";
import { openCpu } from "../../../backends/cpu/open.ts";
import { counting, withGenerator } from "./_engine.ts";

const LIMITS = { rows: 4, capacity: 80, prefill: 8, logits: true };

const openPlainCpu = (): Promise<Device> =>
  openCpu({ blas: "off", workers: 1 });

/** A way to draw of its own for each row: temperature, k, p and all penalties. */
function samplingOf(key: number): RowSampling {
  const random = randomFrom(5, key);
  const either = <T>(values: readonly T[]) =>
    values[random.below(values.length)];
  return {
    temperature: either([0, 0.7, 1, 1.5]),
    topK: either([null, 1, 20, 200]),
    topP: either([1, 0.9, 0.5]),
    repetitionPenalty: either([1, 1, 1.3]),
    seed: random.below(1000),
    ...(key % 3 === 0
      ? { presencePenalty: 0.5, frequencyPenalty: either([0, 0.4]) }
      : {}),
    ...(key % 5 === 0 ? { logitBias: new Map([[7, 30], [9, -Infinity]]) } : {}),
  };
}

function rowOf(key: number, more: Partial<SubmittedRow> = {}): SubmittedRow {
  const random = randomFrom(17, key);
  return {
    prompt: Int32Array.from(
      { length: 1 + random.below(40) },
      () => random.below(259),
    ),
    maxNewTokens: 1 + random.below(30),
    key,
    onToken: (id) => id % (9 + key) === 0,
    sampling: samplingOf(key),
    ...more,
  };
}

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** What a row becomes in an empty batch. */
async function alone(
  generator: Generator,
  rows: readonly SubmittedRow[],
): Promise<GeneratedRow[]> {
  const found: GeneratedRow[] = [];
  for (const row of rows) found.push(await generator.submit(row));
  return found;
}

Deno.test("rows that join at any time, each drawn in its own way, become what each becomes alone", async () => {
  await using cpu = await openPlainCpu();
  for (const costly of [false, true]) {
    const { device } = counting(cpu, costly);
    await withGenerator(device, LIMITS, async (generator) => {
      const rows = Array.from({ length: 25 }, (_, key) => rowOf(key));
      const wanted = await alone(generator, rows);
      assert.ok(new Set(wanted.map(({ ids }) => ids.join())).size > 20);
      const random = randomFrom(3);
      const joined = rows.map(async (row) => {
        await sleep(random.below(60));
        return await generator.submit(row);
      });
      assert.deepEqual(
        (await Promise.all(joined)).map(({ ids }) => ids),
        wanted.map(({ ids }) => ids),
      );
    });
  }
});

Deno.test("an aborted row frees its slot, and the others go on as if it had not been", async () => {
  await using cpu = await openPlainCpu();
  await withGenerator(cpu, LIMITS, async (generator) => {
    const rows = Array.from({ length: 9 }, (_, key) => rowOf(key));
    const wanted = await alone(generator, rows);
    const leaving = Array.from({ length: 8 }, (_, i) => {
      const controller = new AbortController();
      let seen = 0;
      const row = rowOf(100 + i, {
        maxNewTokens: 40,
        signal: controller.signal,
        onToken: () => {
          if (++seen === i + 1) controller.abort(new Error(`${i} hung up`));
          return false;
        },
      });
      return assert.rejects(generator.submit(row), new RegExp(`${i} hung up`));
    });
    const found = await Promise.all(rows.map((row) => generator.submit(row)));
    await Promise.all(leaving);
    assert.deepEqual(found.map(({ ids }) => ids), wanted.map(({ ids }) => ids));
  });
});

Deno.test("a row whose listener throws fails alone", async () => {
  await using cpu = await openPlainCpu();
  await withGenerator(cpu, LIMITS, async (generator) => {
    const [wanted] = await alone(generator, [rowOf(4)]);
    const failing = rowOf(5, {
      onToken: () => {
        throw new Error("cannot take it");
      },
    });
    const [bad, good] = await Promise.allSettled([
      generator.submit(failing),
      generator.submit(rowOf(4)),
    ]);
    assert.equal(bad.status, "rejected");
    assert.deepEqual(good.status === "fulfilled" && good.value.ids, wanted.ids);
  });
});

Deno.test("scores of a prompt are those of the same tokens when they are chosen", async () => {
  await using cpu = await openPlainCpu();
  await withGenerator(cpu, LIMITS, async (generator) => {
    for (let key = 0; key < 6; key++) {
      const scores: TokenScore[] = [];
      const row = rowOf(key, {
        top: 3,
        maxNewTokens: 20,
        sampling: { ...samplingOf(1), temperature: 0, repetitionPenalty: 1 },
        onToken(_, score) {
          if (score !== undefined) scores.push(score);
          return false;
        },
      });
      const { ids } = await generator.submit(row);
      assert.deepEqual(scores.map(({ id }) => id), ids);
      for (const { id, top } of scores) {
        assert.equal(top.length, 3);
        assert.equal(top[0].id, id, "greedy takes the likeliest");
      }
      const whole = Int32Array.from([...row.prompt, ...ids]);
      const asked = {
        ...row,
        prompt: whole,
        maxNewTokens: 0,
        scoresPrompt: true,
      };
      const others = [8, 9].map((key) =>
        generator.submit(rowOf(key, { scoresPrompt: true, top: 1 }))
      );
      const { prompt = [], ids: none } = await generator.submit(asked);
      await Promise.all(others);
      assert.equal(none.length, 0);
      assert.deepEqual(prompt.map(({ id }) => id), [...whole.subarray(1)]);
      prompt.slice(-ids.length).forEach(({ logProbability, top }, i) => {
        assert.ok(Math.abs(logProbability - scores[i].logProbability) < 1e-4);
        assert.deepEqual(
          top.map(({ id }) => id),
          scores[i].top.map(({ id }) => id),
        );
      });
    }
  });
});

Deno.test("a constraint is asked before each token, given the chosen one, and ends the row where nothing may follow", async () => {
  await using cpu = await openPlainCpu();
  await withGenerator(cpu, LIMITS, async (generator) => {
    // token i is one of 3 that follow from i; nothing after ten
    const constrained = (key: number) => {
      const allowed = new Int32Array(Math.ceil(259 / 32));
      const choices: number[][] = [];
      const accepted: number[] = [];
      const constraint: TokenConstraint = {
        allowed() {
          allowed.fill(0);
          const three = [0, 1, 2].map((n) =>
            (7 * (accepted.at(-1) ?? key) + 50 * n + 1) % 259
          );
          if (accepted.length === 10) return allowed;
          for (const id of three) allowed[id >>> 5] |= 1 << (id & 31);
          choices.push(three);
          return allowed;
        },
        accept: (id) => accepted.push(id),
      };
      return { constraint, choices, accepted };
    };
    const free = [0, 1, 2].map((key) => rowOf(key));
    const wanted = await alone(generator, free);
    const rows = Array.from({ length: 9 }, (_, key) => ({
      ...constrained(key),
      key,
    }));
    const [found, others] = await Promise.all([
      Promise.all(rows.map(({ constraint, key }) =>
        generator.submit(
          rowOf(key, { maxNewTokens: 30, constraint, onToken: () => false }),
        )
      )),
      Promise.all(free.map((row) => generator.submit(row))),
    ]);
    found.forEach(({ ids, finish }, i) => {
      assert.equal(finish, "stop");
      assert.deepEqual(ids, rows[i].accepted);
      assert.equal(ids.length, 10);
      ids.forEach((id, n) => assert.ok(rows[i].choices[n].includes(id)));
    });
    assert.deepEqual(
      others.map(({ ids }) => ids),
      wanted.map(({ ids }) => ids),
    );
  });
});

Deno.test("what the device chose stands where it is allowed: the same tokens as from the logits of every step", async () => {
  await using cpu = await openPlainCpu();
  await withGenerator(cpu, LIMITS, async (generator) => {
    // k likeliest of all tokens are all tokens, but only logits that are read can tell
    const answers = (topK: number | null) =>
      Promise.all(Array.from({ length: 24 }, (_, key) => {
        const masks = randomFrom(23, key);
        const constraint: TokenConstraint = {
          allowed: () => {
            const share = [0.5, 0.9, 0.02][masks.below(3)];
            const allowed = new Int32Array(Math.ceil(259 / 32));
            for (let id = 0; id < 259; id++) {
              if (masks.below(1000) < 1000 * share) {
                allowed[id >>> 5] |= 1 << (id & 31);
              }
            }
            if (key % 4 === 0) allowed.fill(0);
            allowed[3] |= 2; // the only one, now and then
            return allowed;
          },
          accept: () => {},
        };
        const sampling: RowSampling = {
          temperature: [0, 0.8, 1.3][key % 3],
          topK,
          topP: 1,
          repetitionPenalty: key % 2 === 0 ? 1 : 1.3,
          seed: key,
        };
        return generator.submit(
          rowOf(key, { constraint, sampling, onToken: () => false }),
        );
      }));
    assert.deepEqual(await answers(null), await answers(259));
  });
});

const HYBRID = hybridArchitecture.describe({
  model_type: "hybrid",
  vocab_size: 259,
  hidden_size: 16,
  num_heads: 2,
  key_dim: 4,
  conv_taps: 3,
});

/** Eight questions behind one of two long beginnings. */
function asked(more: Partial<SubmittedRow> = {}): SubmittedRow[] {
  const beginnings = [3, 4].map((seed) => {
    const random = randomFrom(seed);
    return Array.from({ length: 33 }, () => random.below(259));
  });
  return Array.from(
    { length: 8 },
    (_, key) =>
      rowOf(key, {
        prompt: Int32Array.from([
          ...beginnings[key % 2],
          ...rowOf(key).prompt.subarray(0, 1 + key),
        ]),
        ...more,
      }),
  );
}

for (
  const [name, spec] of [["keys and values", undefined], [
    "a tail and a matrix",
    HYBRID,
  ]] as const
) {
  Deno.test(`a beginning that prompts share is read once, and changes no token, where layers keep ${name}`, async () => {
    await using cpu = await openPlainCpu();
    for (const costly of [false, true]) {
      const { device } = counting(cpu, costly);
      await withGenerator(device, LIMITS, async (generator) => {
        const rows = asked();
        const wanted: (readonly number[])[] = [];
        for (const row of rows) {
          generator.forget();
          const { ids, reused } = await generator.submit(row);
          assert.equal(reused, 0);
          wanted.push(ids);
        }
        generator.forget();
        for (let round = 0; round < 3; round++) {
          const found = await Promise.all(
            rows.map((row) => generator.submit(row)),
          );
          assert.deepEqual(found.map(({ ids }) => ids), wanted);
          const reused = found.filter(({ reused = 0 }) => reused >= 33);
          // the first of each beginning reads it; where there is one state a slot, so do those beside it
          const least = round > 0 ? 8 : spec === undefined ? 6 : 0;
          assert.ok(reused.length >= least, `${reused.length} of ${least}`);
        }
        // what `generate` computes depends on nothing that was there before
        const sampling = samplingOf(1);
        const again = await generator.generate(rows, sampling);
        const fresh = await generator.generate(rows, sampling);
        assert.deepEqual(again, fresh);
        assert.ok(again.every(({ reused }) => reused === 0));
      }, spec);
    }
  });
}

Deno.test("an answer goes on from where it ended, when it comes back as a prompt", async () => {
  await using cpu = await openPlainCpu();
  for (const spec of [undefined, HYBRID]) {
    await withGenerator(cpu, LIMITS, async (generator) => {
      const row = rowOf(3, { maxNewTokens: 20, onToken: () => false });
      const { ids } = await generator.submit(row);
      const next = rowOf(4, {
        prompt: Int32Array.from([...row.prompt, ...ids, 5, 6, 7]),
      });
      const found = await generator.submit(next);
      assert.equal(found.reused, row.prompt.length + ids.length - 1);
      generator.forget();
      const fresh = await generator.submit(next);
      assert.deepEqual([fresh.ids, fresh.reused], [found.ids, 0]);
    }, spec);
  }
});

Deno.test("what needs logits is refused where none were planned", async () => {
  await using cpu = await openPlainCpu();
  await withGenerator(cpu, { ...LIMITS, logits: false }, async (generator) => {
    await assert.rejects(
      generator.submit(rowOf(1, { top: 1 })),
      /load the model with `logits: true`/,
    );
    await assert.rejects(
      generator.submit(rowOf(1, { prompt: new Int32Array(81) })),
      /81 tokens; 1 to 80 fit/,
    );
  });
});
