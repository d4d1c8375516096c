/**
 * The engine of a run: memory, programs and weights of one model on one device. It knows batches and
 * steps, nothing of data sets, files or schedules.
 * @module
 */
import type { Device } from "../contracts/backend.ts";
import { DeviceError, PluginError } from "../contracts/errors.ts";
import type { Inputs } from "../contracts/objective.ts";
import type { Extents } from "../graph/dims.ts";
import { startAverages, swapAverages } from "./update/averages.ts";
import { copyBase } from "./base_copy.ts";
import { DecoderGenerator } from "./generate/decoder_generator.ts";
import type { RowGenerator } from "./generate/generation_row.ts";
import { Generator } from "./generate/generator.ts";
import { checkInputs } from "./inputs/check_inputs.ts";
import { hostBatch } from "./inputs/host_inputs.ts";
import { levelInputs } from "./inputs/level_inputs.ts";
import {
  metricNames,
  microName,
  ROW_LOSSES,
  sumNames,
} from "./loss_program.ts";
import { headColumns } from "./objective_head.ts";
import { windowName } from "./objective_loss.ts";
import type { PlannedEngine } from "./plan_engine.ts";
import { tooLarge } from "./memory/too_large.ts";
import { pieceName } from "./ranks/gradient_pieces.ts";
import { Session } from "./session.ts";
import { gradientName, slotName } from "./trainables.ts";
import {
  type MetricSums,
  resultAt,
  RING_SLOTS,
  type StepResult,
} from "./update/step_ring.ts";
import { scalarsOf } from "./update/update_program.ts";

/** Sums of an evaluation. */
export interface EvaluationSums {
  readonly lossSum: number;
  readonly correctSum: number;
  readonly sourceLossSums: readonly number[];
  readonly metrics: Readonly<Record<string, MetricSums>>;
}

/** A model on a device, ready to train, evaluate and generate. */
export class Engine implements AsyncDisposable {
  readonly planned: PlannedEngine;
  readonly session: Session;
  readonly generator: RowGenerator | null;
  #ringIndex = 0;
  #hasBase = false;
  /** Optimizer states of all ranks, while they are saved: each rank's device has a share of them. */
  #gathered: ReadonlyMap<string, Float32Array> = new Map();

  private constructor(planned: PlannedEngine, session: Session) {
    this.planned = planned;
    this.session = session;
    const { generate, spec, decoding = "tokens", objective } = planned.request;
    this.generator = generate === null || decoding === null
      ? null
      : decoding === "tokens"
      ? new Generator(session, {
        limits: generate,
        vocabSize: spec.vocabSize,
        states: planned.inventory.states,
      })
      : new DecoderGenerator(session, {
        decoder: decoding,
        described: objective ?? "objective",
        limits: generate,
        vocabSize: spec.vocabSize,
      });
  }

  /**
   * Allocates, compiles, and fills the constants. Weights are zero until they are written, which `onAllocated` may
   * begin while programs are compiled.
   */
  static async open(
    planned: PlannedEngine,
    device: Device,
    onAllocated?: (session: Session) => void,
  ): Promise<Engine> {
    const { total } = planned.report;
    if (total > device.info.memoryBytes) {
      throw new DeviceError(tooLarge(planned, device.info));
    }
    const session = await Session.open(
      device,
      planned.memory,
      planned.programs,
      onAllocated,
    );
    for (const c of planned.inventory.constants) {
      session.write(c.name, c.make());
    }
    return new Engine(planned, session);
  }

  /**
   * Runs one micro-batch: gradients and sums are added up. `divisor` is that of the whole step; `tokens` those of the
   * step (`trainedBatchTokens`), by which losses of the model's own are divided. Absent: those of this batch.
   * `lossScale` multiplies gradients, not what is measured; absent: 1.
   * `onPiece` is called when a piece of the backward pass is enqueued, as `planned.pieces` has them.
   */
  micro(
    inputs: Inputs,
    divisor: number,
    { tokens = trainedBatchTokens(inputs), lossScale = 1, onPiece }: {
      tokens?: number;
      lossScale?: number;
      onPiece?: (index: number) => void;
    } = {},
  ): void {
    if (inputs.rows.length === 0) { // nothing is trained: loss 0, weight 0, no gradient
      for (const index of this.planned.pieces.keys()) onPiece?.(index);
      return;
    }
    if (inputs.causal === true && this.planned.request.startsCausal !== true) {
      throw new PluginError(
        `\`inputs\` of the ${
          this.planned.request.objective ?? "objective"
        } gave causal attention, which the objective does not announce: set its \`startsCausal\``,
      );
    }
    const program = microName(inputs);
    const extents = this.#run(program, inputs, {
      loss: lossScale / divisor,
      token: lossScale / tokens,
    });
    for (const index of this.planned.pieces.keys()) {
      if (index > 0) this.session.run(pieceName(program, index), extents);
      onPiece?.(index);
    }
  }

  /**
   * The weighted loss of each row of the micro-batch that was run last, before `update` (R); null where the loss is
   * the objective's own, or where nothing was trained. Waits for the device.
   */
  async rowLosses(inputs: Inputs): Promise<Float32Array | null> {
    const R = inputs.rows.length;
    if (this.planned.request.loss != null || R === 0) return null;
    const read = await this.session.output(microName(inputs), ROW_LOSSES, {
      R,
    });
    return Float32Array.from(read);
  }

  /**
   * Variables of the numbers of the whole window that the loss reads: where there are any, `window` takes every
   * micro-batch of a step before `micro` takes the first.
   */
  get windowVariables(): readonly string[] {
    return (this.planned.loss?.window ?? []).map(windowName);
  }

  /** Adds a micro-batch to the numbers of the window. */
  window(inputs: Inputs): void {
    if (inputs.rows.length > 0) this.#run("window", inputs);
  }

  #run(
    program: string,
    inputs: Inputs,
    scale: { readonly loss: number; readonly token: number } | null = null,
  ): Extents {
    const { loss, request, trainables } = this.planned;
    if (
      request.loss?.second !== undefined && trainables !== null &&
      !this.#hasBase
    ) {
      throw new RangeError(
        "The loss reads the base, which was not kept: call startBase when the weights are written",
      );
    }
    checkInputs(inputs, {
      described: request.objective ?? "objective",
      columns: headColumns(request.spec),
      vocabSize: request.spec.vocabSize,
      sources: request.sources,
      loss: request.loss ?? null,
    });
    const { inputs: data, extents } = hostBatch(inputs, {
      scale: scale?.loss ?? 0,
      sorted: (["tokens", "positions"] as const).filter((name) =>
        this.session.needs(program, `${name}.order`)
      ),
      lengths: this.session.needs(program, "segment_lengths"),
    });
    const levels = loss === null ? null : levelInputs(inputs, loss);
    const sizes = { ...extents, ...levels?.extents };
    this.session.run(
      program,
      sizes,
      {
        ...data,
        ...levels?.data,
        token_scale: Float32Array.of(scale?.token ?? 0),
      },
    );
    return sizes;
  }

  /** Ends an optimizer step. `step` is counted from 1; `lossScale` is that of its micro-batches, absent: 1. */
  update(
    options: { learningRate: number; step: number; lossScale?: number },
  ): void {
    const { train, precision } = this.planned.request;
    if (train === null || this.planned.trainables === null) {
      throw new RangeError("The engine was not planned for training");
    }
    this.session.run("update", {}, {
      scalars: scalarsOf(this.planned.trainables, train.optimizer, {
        ...options,
        lossScale: precision === "float16" ? options.lossScale ?? 1 : null,
      }),
      ring_index: Int32Array.of(this.#ringIndex),
    });
    this.#ringIndex = (this.#ringIndex + 1) % RING_SLOTS;
  }

  /**
   * Keeps what is trained as it is now for the second row of the loss, where it reads one: once, when a run has the
   * weights that it starts from, and before a checkpoint is written over them.
   */
  async startBase(): Promise<void> {
    const { trainables, request: { loss } } = this.planned;
    if (loss?.second === undefined || trainables === null) return;
    await copyBase(this.session, trainables);
    this.#hasBase = true;
  }

  /** Lets the optimizer's averages start as the weights: once, when a new run has its weights. */
  async startAverages(): Promise<void> {
    const average = this.planned.request.train?.optimizer.average;
    const { trainables } = this.planned;
    if (average === undefined || trainables === null) return;
    await startAverages(this.session, trainables, average.slot);
  }

  /**
   * Runs `body` with the averaged weights in the place of the trained ones, where the optimizer keeps and
   * uses an average; else as they are. No step may be made meanwhile.
   */
  async withAverages<T>(body: () => Promise<T>): Promise<T> {
    const average = this.planned.request.train?.optimizer.average;
    const { trainables } = this.planned;
    if (average?.used !== true || trainables === null) return await body();
    await swapAverages(this.session, trainables, average.slot);
    try {
      return await body();
    } finally {
      await swapAverages(this.session, trainables, average.slot);
    }
  }

  /** Results of the last `count` steps (at most {@linkcode RING_SLOTS}), oldest first. */
  async results(count: number): Promise<StepResult[]> {
    const { request: { sources }, metrics } = this.planned;
    const ring = await this.session.read("ring");
    const results: StepResult[] = [];
    for (let i = count; i >= 1; i--) {
      const slot = (this.#ringIndex - i + RING_SLOTS) % RING_SLOTS;
      results.push(resultAt(ring, slot, { sources, metrics }));
    }
    return results;
  }

  /** Sums over evaluation batches. */
  async evaluate(
    batches: Iterable<Inputs> | AsyncIterable<Inputs>,
    signal?: AbortSignal,
  ): Promise<EvaluationSums> {
    const names = sumNames("eval");
    const { request: { sources }, metrics: measuredNames } = this.planned;
    const measured = measuredNames.map((name) => ({
      name,
      variables: metricNames("eval", name),
    }));
    for (const variable of measured.flatMap((m) => m.variables)) {
      this.session.write(variable, new Float32Array(1));
    }
    this.session.write(names.loss, new Float32Array(1));
    this.session.write(names.correct, new Float32Array(1));
    this.session.write(names.sources, new Float32Array(sources));
    let queued = 0;
    for await (const inputs of batches) {
      signal?.throwIfAborted();
      if (inputs.rows.length === 0) continue;
      // a batch is a window of its own: how many are evaluated together is no matter of the loss
      if (this.windowVariables.length > 0) this.window(inputs);
      this.#run("evaluate", inputs);
      for (const name of this.windowVariables) {
        this.session.write(name, new Float32Array(1));
      }
      if (++queued % 4 === 0) await this.session.idle(); // stay close enough to stop
    }
    // all at once: a device may answer them after one wait
    const [lossSum, correct, bySource, ...sums] = await Promise.all(
      [
        names.loss,
        names.correct,
        names.sources,
        ...measured.flatMap(({ variables }) => variables),
      ].map((name) => this.session.read(name)),
    );
    const metrics = Object.fromEntries(
      measured.map(({ name }, i): [string, MetricSums] => [
        name,
        { sum: sums[2 * i][0], weight: sums[2 * i + 1][0] },
      ]),
    );
    return {
      lossSum: lossSum[0],
      correctSum: correct[0],
      sourceLossSums: [...bySource],
      metrics,
    };
  }

  /** Whether this process has a share of the optimizer's states alone. */
  get isSharded(): boolean {
    return this.planned.request.train?.shard != null;
  }

  /** Reads `range` of a variable, or of a state that `withStates` has given. */
  async read(
    name: string,
    range: { readonly start: number; readonly count: number },
  ): Promise<Float32Array> {
    const { start, count } = range;
    return this.#gathered.get(name)?.slice(start, start + count) ??
      await this.session.read(name, range);
  }

  /** Runs `body` while `read` finds these optimizer states. */
  async withStates<T>(
    states: ReadonlyMap<string, Float32Array>,
    body: () => Promise<T>,
  ): Promise<T> {
    this.#gathered = states;
    try {
      return await body();
    } finally {
      this.#gathered = new Map();
    }
  }

  /** The gradient of a parameter as accumulated so far. */
  gradient(parameter: string): Promise<Float32Array> {
    return this.session.read(gradientName(parameter));
  }

  /** Reads a trained tensor or one of its optimizer slots. */
  readTrained(name: string, slot?: string): Promise<Float32Array> {
    return this.session.read(slot === undefined ? name : slotName(slot, name));
  }

  /** Writes a trained tensor or one of its optimizer slots. */
  writeTrained(name: string, data: Float32Array, slot?: string): void {
    this.session.write(slot === undefined ? name : slotName(slot, name), data);
  }

  /** Frees memory; the device stays open. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.session[Symbol.asyncDispose]();
  }
}

/** Tokens of a micro-batch that is trained on, padding left out. */
export function trainedBatchTokens({ rows, segments }: Inputs): number {
  if (rows.length === 0) return 0;
  return segments.reduce((n, segment) => n + (segment === 0 ? 0 : 1), 0);
}
