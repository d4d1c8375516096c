/**
 * Prefill and decode over a key/value cache. Rows of a batch may differ in length: each has its own
 * place in the cache, and what padding wrote behind a row's end is overwritten before it is seen.
 *
 * ```text
 * cache of row b   | prompt ........ | answer ... | (padding's junk, never attended to)
 *                                    ^ lengths[b]
 * ```
 * @module
 */
import type { ModelSpec } from "../contracts/model.ts";
import { buildModel, type BuildOptions } from "../graph/build_model.ts";
import { dim } from "../graph/dims.ts";
import type { Memory } from "../graph/memory.ts";
import { selectRows } from "../graph/ops/embedding.ts";
import { matmul } from "../graph/ops/matmul.ts";
import { type PlannedProgram, planProgram } from "../graph/planner.ts";
import type { Session } from "../graph/session.ts";
import { chooseToken, type SamplingOptions } from "./sampling.ts";

/** What generation is sized for. */
export interface GenerationLimits {
  /** Rows that are decoded together. */
  readonly rows: number;
  /** Tokens a row: prompt and answer. */
  readonly capacity: number;
  /** Prompt tokens that are read at once. */
  readonly prefill: number;
}

/** Places the key/value cache: layers x 2 x (rows, capacity, kvColumns). */
export function placeCache(
  memory: Memory,
  spec: ModelSpec,
  limits: GenerationLimits,
): void {
  for (let layer = 0; layer < spec.layers; layer++) {
    for (const which of ["k", "v"]) {
      memory.variable(`cache.${layer}.${which}`, [
        limits.rows,
        limits.capacity,
        spec.kvColumns,
      ], { role: "cache" });
    }
  }
}

/** Plans `prefill` and `decode`: one graph at two capacities. */
export function planGeneration(
  spec: ModelSpec,
  build: BuildOptions,
  options: { memory: Memory; limits: GenerationLimits },
): PlannedProgram[] {
  const { memory, limits } = options;
  const plan = (name: string, T: number) => {
    const { graph, hidden, head } = buildModel(spec, {
      ...build,
      causal: true,
      cache: { capacity: limits.capacity, rows: limits.rows },
    });
    const last = selectRows(
      graph,
      hidden,
      graph.input("last", [dim("B")], "i32"),
    );
    graph.output(
      "logits",
      graph.scope("head", () => matmul(graph, last, head, { layout: "NT" })),
    );
    return planProgram(graph, {
      name,
      memory,
      capacities: { B: limits.rows, T },
    });
  };
  return [
    plan("prefill", Math.min(limits.prefill, limits.capacity)),
    plan("decode", 1),
  ];
}

/** One row to be continued. */
export interface GenerationRow {
  readonly prompt: Int32Array;
  readonly maxNewTokens: number;
  /** Index that keys the row's random numbers, whatever batch it falls in. */
  readonly key: number;
  /** Sees each new token; returns true to end the row there (the token is kept). */
  onToken(id: number): boolean;
}

/** Why a row ended. */
export type Finish = "stop" | "length" | "capacity";

/** What a row became. */
export interface GeneratedRow {
  readonly ids: readonly number[];
  readonly finish: Finish;
}

/** Decodes rows on a session that holds the programs of {@linkcode planGeneration}. */
export class Generator {
  readonly limits: GenerationLimits;
  readonly #session: Session;
  readonly #vocabSize: number;

  constructor(
    session: Session,
    options: { limits: GenerationLimits; vocabSize: number },
  ) {
    this.#session = session;
    this.limits = options.limits;
    this.#vocabSize = options.vocabSize;
  }

  /**
   * Continues rows, as many at a time as fit; results in the order given. Throws `RangeError` for an
   * empty prompt or one that leaves no room in the cache.
   */
  async generate(
    rows: readonly GenerationRow[],
    sampling: SamplingOptions,
    signal?: AbortSignal,
  ): Promise<GeneratedRow[]> {
    for (const row of rows) {
      if (row.prompt.length === 0) {
        throw new RangeError("A prompt needs at least one token");
      }
      if (row.prompt.length >= this.limits.capacity) {
        throw new RangeError(
          `The prompt has ${row.prompt.length} tokens; ${this.limits.capacity} fit, the answer included`,
        );
      }
    }
    // rows of similar length together: the padding of a batch follows from its longest prompt
    const order = rows.map((_, i) => i).sort((a, b) =>
      rows[a].prompt.length - rows[b].prompt.length || a - b
    );
    const results: GeneratedRow[] = new Array(rows.length);
    for (let at = 0; at < order.length; at += this.limits.rows) {
      const batch = order.slice(at, at + this.limits.rows);
      const done = await this.#batch(
        batch.map((i) => rows[i]),
        sampling,
        signal,
      );
      batch.forEach((i, k) => results[i] = done[k]);
    }
    return results;
  }

  async #batch(
    rows: readonly GenerationRow[],
    sampling: SamplingOptions,
    signal?: AbortSignal,
  ): Promise<GeneratedRow[]> {
    const V = this.#vocabSize;
    const B = rows.length;
    const answers: number[][] = rows.map(() => []);
    const finish: (Finish | null)[] = rows.map((row) =>
      row.maxNewTokens <= 0 ? "length" : null
    );
    let logits = await this.#prefill(rows, signal);
    while (finish.some((f) => f === null)) {
      signal?.throwIfAborted();
      const next = new Int32Array(B);
      rows.forEach((row, b) => {
        if (finish[b] !== null) return;
        const id = chooseToken(logits.subarray(b * V, (b + 1) * V), sampling, {
          seen: sampling.repetitionPenalty === 1
            ? []
            : [...row.prompt, ...answers[b]],
          row: row.key,
          place: answers[b].length,
        });
        next[b] = id;
        answers[b].push(id);
        if (row.onToken(id)) finish[b] = "stop";
        else if (answers[b].length >= row.maxNewTokens) finish[b] = "length";
        // the token just chosen must be read to choose another: it needs a place, the last one does not
        else if (
          row.prompt.length + answers[b].length > this.limits.capacity
        ) finish[b] = "capacity";
      });
      if (finish.every((f) => f !== null)) break;
      // place of the token just chosen; rows that have ended write over their own last place
      const places = Int32Array.from(
        rows,
        (row, b) =>
          Math.min(
            row.prompt.length + Math.max(0, answers[b].length - 1),
            this.limits.capacity - 1,
          ),
      );
      logits = await this.#run("decode", { B, T: 1 }, {
        tokens: next,
        positions: places,
        lengths: places,
        last: Int32Array.from(rows.keys()),
      });
    }
    return rows.map((_, b) => ({ ids: answers[b], finish: finish[b]! }));
  }

  /** Reads the prompts in chunks; gives the logits behind each prompt's last token (B, V). */
  async #prefill(
    rows: readonly GenerationRow[],
    signal?: AbortSignal,
  ): Promise<Float32Array> {
    const V = this.#vocabSize;
    const B = rows.length;
    const longest = Math.max(...rows.map((r) => r.prompt.length));
    const logits = new Float32Array(B * V);
    const chunk = Math.min(this.limits.prefill, this.limits.capacity);
    for (let start = 0; start < longest; start += chunk) {
      signal?.throwIfAborted();
      const T = Math.min(chunk, longest - start);
      const tokens = new Int32Array(B * T);
      const positions = new Int32Array(B * T);
      const last = new Int32Array(B);
      rows.forEach((row, b) => {
        tokens.set(row.prompt.subarray(start, start + T), b * T);
        for (let t = 0; t < T; t++) positions[b * T + t] = start + t;
        last[b] = b * T + Math.min(T, Math.max(1, row.prompt.length - start)) -
          1;
      });
      const part = await this.#run("prefill", { B, T }, {
        tokens,
        positions,
        lengths: new Int32Array(B).fill(start),
        last,
      });
      rows.forEach((row, b) => {
        const end = row.prompt.length - 1;
        if (end >= start && end < start + T) {
          logits.set(part.subarray(b * V, (b + 1) * V), b * V);
        }
      });
    }
    return logits;
  }

  async #run(
    program: "prefill" | "decode",
    extents: { B: number; T: number },
    inputs: Record<string, Int32Array>,
  ): Promise<Float32Array> {
    const all = { ...inputs, row_keys: new Int32Array(extents.B * extents.T) };
    this.#session.run(program, extents, all);
    const logits = await this.#session.output(program, "logits", extents);
    return logits instanceof Float32Array ? logits : Float32Array.from(logits);
  }
}
