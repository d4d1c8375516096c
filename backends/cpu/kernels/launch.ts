/**
 * Kernels consist of launches. A launch is one assembled function, run by all workers at once. Each worker takes the
 * pieces of its own share of the work, which begins at the same rows in every launch: they are still in its cache. Then it
 * takes what others have left of theirs. Pieces depend on shapes alone and never share an output element, so results
 * do not depend on which worker takes which piece.
 * @module
 */
import type { Dim, View } from "@denotune/denotune/device";
import {
  f64,
  type FunctionBuilder,
  i32,
  i64,
  type ImportedFunction,
  type Int,
  type Local,
  type ModuleBuilder,
} from "../assembler/mod.ts";
import type { WeightsPass } from "../machine_code/block.ts";
import type { LoopMaker } from "../machine_code/wide/loop.ts";

/** A matrix product of a library, done in slices of rows or columns by the workers. */
export interface BlasProduct {
  readonly layout: "NN" | "NT" | "TN";
  readonly alpha: number;
  /** How both factors are stored: a BLAS multiplies float32, another library bf16. */
  readonly factors: "f32" | "bf16";
  /** Whether it is one of the small products, which machine code does where it was found. */
  readonly small?: boolean;
  /** Whether the view behind the output is a bias, which machine code adds. */
  readonly bias?: boolean;
  /** Whether the product is added to the output's values. */
  readonly accumulate: boolean;
  /** Whether b has been widened into the temporary memory (views a, out). */
  readonly widened: boolean;
  /** Set where b is in panels of so many columns of the product, each with its rows one behind the other. */
  readonly panelRows?: number;
}

/** One function over pieces, with the tensors that it reads and writes. */
export interface Launch {
  /** Equal keys mean equal code. */
  readonly key: string;
  /** Tensors, as the function numbers them. */
  readonly views: readonly View[];
  /** Which of `views` are written; all may be read. */
  readonly writes: readonly number[];
  /** Sizes, as the function numbers them; those with names are arguments, the others literal. */
  readonly dims: readonly Dim[];
  /** Memory that the launches of one call share: its bytes, and how this launch uses it. */
  readonly temporary?: {
    readonly bytes: number;
    readonly use: "read" | "write";
  };
  /** Set where the launches of one call write other elements of their tensors each: they do not wait for each other. */
  readonly apart?: true;
  /** Bytes of memory of each worker's own. */
  readonly scratch?: number;
  readonly build: (k: Kernel) => void;
  /** Set where BLAS does the work: views a, b, out; dims batch, m, n, k. `build` is then not called. */
  readonly blas?: BlasProduct;
}

/** The product of a BLAS, as kernels import it where there is one. */
export const SGEMM: ImportedFunction = {
  name: "sgemm",
  parameters: Array.from({ length: 13 }, () => "f64" as const),
};

/** The same of bf16 factors and float32 sums. */
export const GEMM_BF16: ImportedFunction = { ...SGEMM, name: "gemm_bf16" };

/** The same of small matrices, by machine code. */
export const SGEMM_SMALL: ImportedFunction = { ...SGEMM, name: "sgemm_small" };

/** Weights of attention from scores, by machine code: of the address of a block's description. */
export const WEIGHTS: Readonly<Record<WeightsPass, ImportedFunction>> = {
  forward: { name: "weights_forward", parameters: ["f64"] },
  forwardWhole: { name: "weights_forward_whole", parameters: ["f64"] },
  backward: { name: "weights_backward", parameters: ["f64"] },
  backwardWhole: { name: "weights_backward_whole", parameters: ["f64"] },
};

/** A loop over elements by machine code: of its address, and that of a description. */
export const LOOP: ImportedFunction = {
  name: "loop",
  parameters: ["f64", "f64"],
};

/** A product c = or += scale op(a) op(b) with c in float32: m x n over k; distances of rows in bytes. */
export interface Gemm {
  /** How both factors are stored. */
  readonly factors: "f32" | "bf16";
  /** Whether machine code does it where a library does others. */
  readonly small?: boolean;
  readonly transposed: "a" | "b" | null;
  readonly m: Int;
  readonly n: Int;
  readonly k: Int;
  readonly a: Int;
  readonly aRow: number;
  readonly b: Int;
  readonly bRow: number;
  readonly c: Int;
  readonly cRow: number;
  readonly accumulate: boolean;
  readonly scale: number;
}

/** Bytes of one argument. */
const ARGUMENT_BYTES = 8;

/**
 * Parameters of a launch's function: addresses of the arguments, of the scratch memory and of the counters of pieces,
 * number of this worker, and how many there are. As float64: JavaScript passes such numbers without allocating.
 */
export const LAUNCH_PARAMETERS: readonly "f64"[] = Array(5).fill("f64");

/** The function of a launch while it is built. */
export class Kernel {
  /** Addresses of the launch's views. */
  readonly at: readonly Int[];
  /** The launch's sizes. */
  readonly dims: readonly Int[];
  /** Address of the memory that the call's launches share. */
  readonly temporary: Int;
  /** Address of this worker's own memory. */
  readonly scratch: Int;
  readonly #counters: Local<"i64">;
  readonly #worker: Local<"i64">;
  readonly #workers: Local<"i64">;

  constructor(
    readonly f: FunctionBuilder,
    readonly module: ModuleBuilder,
    launch: Launch,
    /** What makes loops over elements in machine code; null: nothing does. */
    readonly loops: LoopMaker | null,
  ) {
    const args = f.local("i64", i64.fromF64(f.parameter("f64", 0)));
    this.scratch = f.local("i64", i64.fromF64(f.parameter("f64", 1)));
    this.#counters = f.local("i64", i64.fromF64(f.parameter("f64", 2)));
    this.#worker = f.local("i64", i64.fromF64(f.parameter("f64", 3)));
    this.#workers = f.local("i64", i64.fromF64(f.parameter("f64", 4)));
    let count = 0;
    const next = () =>
      f.local("i64", i64.fromF64(f64.load(args, ARGUMENT_BYTES * count++)));
    this.temporary = next();
    this.at = launch.views.map(next);
    this.dims = launch.dims.map((d) =>
      typeof d === "number" ? i64.const(d) : next()
    );
  }

  /**
   * Runs `body` for pieces 0 .. count, shared out among the workers: each begins with its own share, and goes on with what
   * is left of the next one's.
   *
   * ```text
   * pieces      0 1 2 3 4 5 | 6 7 8 9 10 11
   * worker 0    0 1 2 3 4 5   10 11            a counter a share says how many of it are taken
   * worker 1    6 7 8 9
   * ```
   */
  pieces(count: Int, body: (piece: Local<"i64">) => void): void {
    const { f } = this;
    const total = f.hold(count);
    const most = f.local(
      "i64",
      i64.divU(
        i64.add(total, i64.sub(this.#workers, i64.const(1))),
        this.#workers,
      ),
    );
    const share = f.local("i64", this.#worker);
    const left = f.local("i64", this.#workers);
    f.loop((another) => {
      const from = f.local("i64", i64.mul(share, most));
      const size = f.local("i64", i64.min(most, i64.sub(total, from)));
      const counter = f.local("i64", element(this.#counters, share));
      const piece = f.local("i64");
      f.block((done) =>
        f.loop((again) => {
          // looked at before it is changed: workers that find nothing do not take the line from each other
          f.branch(done, i64.geS(i64.extendU(i32.atomicLoad(counter)), size));
          f.set(piece, i64.extendU(i32.atomicAdd(counter, i32.const(1))));
          f.branch(done, i64.geS(piece, size));
          f.set(piece, i64.add(piece, from));
          body(piece);
          f.branch(again);
        })
      );
      f.set(share, i64.add(share, i64.const(1)));
      f.if(
        i64.geS(share, this.#workers),
        () => f.set(share, i64.const(0)),
      );
      f.set(left, i64.sub(left, i64.const(1)));
      f.branch(another, i64.ne(left, i64.const(0)));
    });
  }

  /** A product by a library; only where the plan is compiled for one. */
  gemm(p: Gemm): void {
    const flag = (value: boolean) => f64.const(value ? 1 : 0);
    const bf16 = p.factors === "bf16";
    const row = (bytes: number) => f64.const(bytes / (bf16 ? 2 : 4));
    const { name } = bf16 ? GEMM_BF16 : p.small ? SGEMM_SMALL : SGEMM;
    this.f.call(this.module.imported(name), [
      flag(p.transposed === "a"),
      flag(p.transposed === "b"),
      f64.fromI64(p.m),
      f64.fromI64(p.n),
      f64.fromI64(p.k),
      f64.fromI64(p.a),
      row(p.aRow),
      f64.fromI64(p.b),
      row(p.bRow),
      flag(p.accumulate),
      f64.fromI64(p.c),
      f64.const(p.cRow / 4),
      f64.const(p.scale),
    ]);
  }

  /** Runs `body(from, to)` for ranges of at most `size` items out of `count`. */
  ranges(count: Int, size: number, body: (from: Int, to: Int) => void): void {
    const { f } = this;
    if (count.constant !== undefined && count.constant <= size) {
      return this.pieces(
        i64.const(count.constant === 0 ? 0 : 1),
        () => body(i64.const(0), count),
      );
    }
    this.pieces(i64.ceilDiv(count, size), (piece) => {
      const from = f.local("i64", i64.mul(piece, i64.const(size)));
      const end = f.local("i64", i64.add(from, i64.const(size)));
      body(from, f.local("i64", i64.min(end, f.hold(count))));
    });
  }
}

/** Address of element `index` (4 bytes each) from `base`. */
export function element(base: Int, index: Int): Int {
  return i64.add(base, i64.mul(index, i64.const(4)));
}

/** The key of a launch: its name, the attributes that its code depends on, and its literal sizes. */
export function keyOf(
  name: string,
  dependsOn: unknown,
  dims: readonly Dim[],
): string {
  return JSON.stringify([
    name,
    dependsOn,
    dims.map((d) => typeof d === "number" ? d : "?"),
  ]);
}
