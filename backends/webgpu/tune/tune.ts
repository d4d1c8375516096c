/**
 * Measures the ways to cut products on the adapter that is there. Every candidate is first checked against
 * the plain product: one that is wrong on this driver is left out, however fast it is.
 * @module
 */
import {
  DeviceError,
  type DType,
  type KernelCall,
  type Plan,
  randomFrom,
} from "@denotune/denotune/device";
import { WebGpuExecutor } from "../executor.ts";
import { chooseTileOf, shapeKey } from "../kernels/matmul/choice.ts";
import {
  type ProductShape,
  showTile,
  type Tile,
  type TileTable,
} from "../kernels/matmul/tiles.ts";
import type { WebGpuOptions } from "../options.ts";
import type { AdapterLimits } from "../runtime/adapter_limits.ts";
import { openTiles } from "./cache.ts";
import { candidatesFor } from "./candidates.ts";

/** One measured candidate. */
export interface MeasuredTile {
  readonly tile: Tile;
  /** As people read it. */
  readonly name: string;
  /** Median of the runs. */
  readonly seconds: number;
  /** Largest difference from the plain product, relative to the sum of the terms' magnitudes. */
  readonly error: number;
  /** Why it is out, or null. */
  readonly refused: string | null;
}

/** The result of tuning one shape. */
export interface TunedShape {
  readonly shape: ProductShape;
  /** The winner, and the tile of the built-in table. */
  readonly best: MeasuredTile | null;
  readonly builtIn: MeasuredTile | null;
  readonly candidates: readonly MeasuredTile[];
}

/** The options of a tuning. */
export interface TuneRequest {
  /** Products to measure; absent: those of {@linkcode usualShapes}. */
  readonly shapes?: readonly ProductShape[];
  readonly options?: Partial<WebGpuOptions>;
  /** Folder of the cache; absent: the system's cache folder; null: nothing is kept. */
  readonly folder?: string | null;
  /** Called after each shape. */
  readonly onShape?: (shape: TunedShape) => void;
  readonly signal?: AbortSignal;
  /** As of {@linkcode WebGpuExecutor.open}. */
  readonly pretend?: Partial<AdapterLimits>;
}

/** The result of tuning. */
export interface TuneResult {
  readonly adapter: string;
  /** The file that was written, or null. */
  readonly path: string | null;
  readonly shapes: readonly TunedShape[];
}

/** Runs of a candidate that are timed, after one that is not. */
const RUNS = 5;
/** Candidates beyond this are wrong: a float32 sum of some thousand terms is good to 4e-6. */
const MOST_ERROR = 1e-5;
/** Where a product has more elements, only this many of its rows are compared. */
const CHECKED_ELEMENTS = 2 ** 22;

/** Measures products and keeps the winners on disk. Throws `DeviceError` where there is no adapter. */
export async function tuneWebgpu(
  request: TuneRequest = {},
): Promise<TuneResult> {
  const { onShape, signal } = request;
  const bench = await Bench.open(
    { ...request.options, tune: "off" },
    request.pretend ?? {},
  );
  try {
    const shapes = request.shapes ??
      usualShapes(bench.executor.gpu.limits);
    const cache = await openTiles(bench.identity, "cached", request.folder);
    const tuned: TunedShape[] = [];
    for (const shape of shapes) {
      signal?.throwIfAborted();
      const result = await bench.tune(shape);
      tuned.push(result);
      if (result.best !== null) {
        await cache.add(new Map([[shapeKey(shape), result.best.tile]]));
      }
      onShape?.(result);
    }
    return {
      adapter: bench.executor.info.description,
      path: cache.path,
      shapes: tuned,
    };
  } finally {
    bench.executor.close();
  }
}

/**
 * Products of forward and backward passes, in the three layouts: few and many rows, narrow and wide models,
 * hidden by hidden and hidden by four times hidden. Others take the tile of the nearest. A software adapter,
 * which would need hours, gets small ones.
 */
export function usualShapes(
  { software }: Pick<AdapterLimits, "software">,
): ProductShape[] {
  const sizes = software
    ? [{ rows: 128, hidden: 128 }]
    : [512, 4096].flatMap((rows) =>
      [768, 2048].map((hidden) => ({ rows, hidden }))
    );
  return sizes.flatMap(({ rows, hidden }) =>
    [hidden, hidden * 4].flatMap((wide): ProductShape[] => {
      const rest = { dtype: "f32", batch: 1 } as const;
      return [
        { ...rest, layout: "NT", m: rows, n: wide, k: hidden },
        { ...rest, layout: "NN", m: rows, n: hidden, k: wide },
        { ...rest, layout: "TN", m: wide, n: hidden, k: rows },
      ];
    })
  );
}

/** A table that always gives one tile. */
class OneTile implements TileTable {
  tile: Tile = { kind: "naive" };
  find(): Tile | null {
    return this.tile;
  }
}

/** An adapter with the operands of one shape after another. */
class Bench {
  readonly executor: WebGpuExecutor;
  readonly #table: OneTile;
  #buffer = 0;
  #program = 0;

  private constructor(executor: WebGpuExecutor, table: OneTile) {
    this.executor = executor;
    this.#table = table;
  }

  static async open(
    options: Partial<WebGpuOptions>,
    pretend: Partial<AdapterLimits>,
  ): Promise<Bench> {
    const table = new OneTile();
    const executor = await WebGpuExecutor.open({ ...options, profile: true }, {
      ...pretend,
      tiles: table,
    });
    return new Bench(executor, table);
  }

  get identity(): string {
    return this.executor.identity;
  }

  async tune(shape: ProductShape): Promise<TunedShape> {
    const { batch, m, n, k, dtype, factors } = shape;
    if (dtype === "int8" || dtype === "nf4" || dtype === "i32") {
      throw new DeviceError(`tiles are not measured for ${dtype}`);
    }
    const size = dtype === "f32" ? 4 : 2;
    const [a, b, out] = [
      await this.#operand(batch * m * k, factors === undefined ? 4 : 2),
      await this.#operand(batch * k * n, size),
      await this.#operand(batch * m * n, 4),
    ];
    try {
      const limits = this.executor.gpu.limits;
      const plan = planOf({ ...shape, dtype }, { a, b, out });
      const length = Math.min(batch * m * n, CHECKED_ELEMENTS);
      const expected = await this.#result(plan, { kind: "naive" }, out, length);
      const candidates: MeasuredTile[] = [];
      for (const tile of candidatesFor(shape, limits)) {
        candidates.push(
          await this.#measure(plan, tile, { out, expected, k }),
        );
      }
      const sound = candidates.filter((c) => c.refused === null)
        .sort((x, y) => x.seconds - y.seconds);
      return {
        shape,
        best: sound[0] ?? null,
        builtIn: await this.#measure(
          plan,
          chooseTileOf(shape, { ...limits, tiles: { find: () => null } }),
          { out, expected, k },
        ),
        candidates,
      };
    } finally {
      for (const id of [a, b, out]) this.executor.free(id);
    }
  }

  async #measure(
    plan: Plan,
    tile: Tile,
    { out, expected, k }: { out: number; expected: Float32Array; k: number },
  ): Promise<MeasuredTile> {
    const name = showTile(tile);
    const refuse = (why: string): MeasuredTile => ({
      tile,
      name,
      seconds: Infinity,
      error: NaN,
      refused: why,
    });
    let found: Float32Array;
    try {
      found = await this.#result(plan, tile, out, expected.length);
    } catch (error) {
      return refuse(error instanceof Error ? error.message : String(error));
    }
    // Operands are uniform in [-1, 1): terms have a magnitude of a quarter.
    let error = 0;
    for (let i = 0; i < expected.length; i++) {
      const off = Math.abs(found[i] - expected[i]) / (k / 4);
      if (!(off <= error)) error = off;
    }
    if (!(error <= MOST_ERROR)) {
      return { ...refuse(`wrong by ${error.toExponential(1)}`), error };
    }
    const seconds: number[] = [];
    await this.executor.profile?.();
    for (let run = 0; run < RUNS; run++) {
      const start = performance.now();
      await this.executor.run(this.#program, {});
      await this.executor.idle();
      const wall = (performance.now() - start) / 1000;
      const times = await this.executor.profile?.() ?? [];
      const measured = times.reduce((sum, t) => sum + t.seconds, 0);
      seconds.push(measured > 0 ? measured : wall); // no timestamps: the clock
    }
    seconds.sort((x, y) => x - y);
    return {
      tile,
      name,
      seconds: seconds[Math.floor(RUNS / 2)],
      error,
      refused: null,
    };
  }

  /** Compiles the plan with a tile and returns its outputs. */
  async #result(
    plan: Plan,
    tile: Tile,
    out: number,
    length: number,
  ): Promise<Float32Array> {
    this.#table.tile = tile;
    await this.executor.compile(++this.#program, plan);
    await this.executor.run(this.#program, {});
    return new Float32Array(await this.executor.read(out, 0, length * 4));
  }

  /** A buffer of numbers in [-1, 1), for 16 bits of any bf16 and f16 that are. */
  async #operand(elements: number, size: number): Promise<number> {
    const id = ++this.#buffer;
    await this.executor.allocate(
      id,
      Math.ceil(elements * size / 4) * 4,
      "tune",
    );
    const random = randomFrom(id);
    // A period that is no power of two repeats itself at no tile's edge.
    const pattern = size === 4
      ? Float32Array.from({ length: 65521 }, () => random.next() * 2 - 1)
      // Sign, exponents below one's in both types.
      : Uint16Array.from(
        { length: 65521 },
        () => random.below(0x0100) | (0x3400 + random.below(2) * 0x8000),
      );
    const bytes = new Uint8Array(pattern.buffer);
    const whole = Math.ceil(elements * size / 4) * 4;
    for (let at = 0; at < whole;) {
      const part = bytes.slice(
        0,
        Math.min(bytes.length - bytes.length % 4, whole - at),
      );
      await this.executor.write(id, at, part);
      at += part.length;
    }
    return id;
  }
}

function planOf(
  { layout, dtype, factors, batch, m, n, k }: ProductShape & {
    readonly dtype: DType;
  },
  { a, b, out }: { a: number; b: number; out: number },
): Plan {
  const call: KernelCall = {
    kernel: "matmul",
    attributes: {
      layout,
      batch,
      m,
      n,
      k,
      alpha: 1,
      bias: false,
      addend: false,
    },
    inputs: [
      { buffer: a, offset: 0, shape: [batch, m, k], dtype: factors ?? "f32" },
      { buffer: b, offset: 0, shape: [batch, k, n], dtype },
    ],
    outputs: [{ buffer: out, offset: 0, shape: [batch, m, n], dtype: "f32" }],
    label: "tune",
  };
  return { name: "tune", segments: [{ calls: [call] }], capacities: {} };
}
