/**
 * Row programs as SIMD code. Stages that may share a pass over the columns do; a program without anything
 * that belongs to a row runs flat over all its elements.
 *
 * ```text
 * softmax   m = max x | s = sum exp(x - m) | out = exp(x - m) / s      three passes over the columns of a row:
 *           pass 1      pass 2               pass 3                    each needs a number of the one before
 * ```
 * @module
 */
import {
  type Access,
  type Expression,
  type Extents,
  type KernelAttributes,
  product,
  type RowProgram,
  sizeOf,
  type Stage,
  type View,
} from "@denotune/denotune/device";
import {
  f32x4,
  type FunctionBuilder,
  i64,
  type Int,
  type Local,
  v128,
  type Vector,
} from "../assembler/mod.ts";
import { maxLanes, sumLanes } from "../simd_math.ts";
import { ExpressionEmitter, type SourceInput, walk } from "./expressions.ts";
import { element, type Kernel, keyOf, type Launch } from "./launch.ts";
import {
  expressionOf,
  isPass,
  type Pass,
  passesOf,
  type Reduce,
  type Write,
} from "./row_passes.ts";
import { descriptionBytes } from "../machine_code/wide/loop.ts";
import { wideLoop } from "./wide_loop.ts";
import { laneMask, type Lanes, storeLanes, vectorLoop } from "./vector_loop.ts";

/** Elements of one piece, about. */
const PIECE = 8192;

/** The launches of a `rows` call. */
export function lowerRows(
  attributes: KernelAttributes["rows"],
  inputs: readonly View[],
  outputs: readonly View[],
  capacities: Extents,
): Launch[] {
  const { program } = attributes;
  const flat = isFlat(program);
  const dims = flat
    ? [product([attributes.rows, attributes.columns])]
    : [attributes.rows, attributes.columns];
  const integers = inputs.map((v) => v.dtype === "i32");
  // An output may be the memory of an input: then the order of reading and writing matters.
  const aliases = outputs.map((out) =>
    inputs.flatMap((v, i) => sameMemory(v, out) ? [i] : [])
  );
  // Passes over the columns: sums that later stages need make a new one.
  const passes = passesOf(program, aliases);
  const columns = sizeOf(attributes.columns, capacities);
  const views = [...inputs, ...outputs];
  const shape = {
    integers,
    passes,
    // Long rows without sums are cut into pieces too; else a piece is so many whole rows.
    wide: columns > PIECE,
    rowsPerPiece: Math.max(1, Math.floor(PIECE / Math.max(1, columns))),
  };
  return [{
    key: keyOf("rows", [
      program,
      integers,
      passes.length,
      aliases,
      shape.wide,
      shape.rowsPerPiece,
      flat,
    ], dims),
    views,
    dims,
    writes: outputs.map((_, i) => inputs.length + i),
    ...(flat ? { scratch: descriptionBytes(views.length) } : {}),
    build: (k) =>
      flat ? buildFlat(k, program, shape) : buildRows(k, program, shape),
  }];
}

interface Layout {
  readonly integers: readonly boolean[];
  readonly passes: readonly Pass[];
  /** Rows are longer than a piece. */
  readonly wide: boolean;
  readonly rowsPerPiece: number;
}

function sameMemory(a: View, b: View): boolean {
  return a.buffer === b.buffer && a.offset === b.offset &&
    (a.advance ?? 0) === (b.advance ?? 0);
}

function isFlat(program: RowProgram): boolean {
  return program.inputs.every((access) =>
    access === "matrix" || access === "scalars"
  ) &&
    program.outputs.every((access) => access === "matrix") &&
    program.stages.every((stage) =>
      stage.kind === "write" &&
      [...walk(stage.value)].every((e) =>
        e.kind !== "column" && e.kind !== "random" && e.kind !== "value"
      )
    );
}

/** Copies of the loop's body: more for short bodies, so that accumulators do not wait for each other. */
export function unrollOf(expressions: readonly Expression[]): number {
  // By the number of operations: short expressions wait for their own additions otherwise.
  let size = 0;
  for (const e of expressions) for (const _ of walk(e)) size++;
  return size <= 10 ? 4 : size <= 30 ? 2 : 1;
}

function buildFlat(k: Kernel, program: RowProgram, layout: Layout): void {
  const sources = sourcesOf(program.inputs, layout.integers, k.at);
  const emitter = new ExpressionEmitter(k.f, sources);
  emitter.hoistToKernel(program.stages.map(expressionOf));
  const writes = program.stages.filter((s) => s.kind === "write");
  const vectors = wideLoop(k, (f, index, pointers) => {
    const inputs = sourcesOf(program.inputs, layout.integers, pointers);
    const lanes = { index, ahead: 0, copy: 0, rest: null };
    emitWrites(f, new ExpressionEmitter(f, inputs), {
      writes,
      lanes,
      outputs: pointers.slice(program.inputs.length),
    });
  });
  k.ranges(k.dims[0], PIECE, (from, to) => {
    const rest = vectors(from, to);
    emitter.beginRow();
    vectorLoop(
      k.f,
      { from: rest, to, unroll: unrollOf(writes.map(expressionOf)) },
      (lanes) =>
        emitWrites(k.f, emitter, {
          writes,
          lanes,
          outputs: k.at.slice(program.inputs.length),
        }),
    );
  });
}

/** All values first, then the stores: an output may be the memory of an input. */
function emitWrites(
  f: FunctionBuilder,
  emitter: ExpressionEmitter,
  { writes, lanes, outputs }: {
    readonly writes: readonly Write[];
    readonly lanes: Lanes;
    readonly outputs: readonly Int[];
  },
): void {
  const values = emitter.at(lanes, writes.map(expressionOf));
  writes.forEach((stage, i) =>
    storeColumns(f, outputs[stage.output], values[i], lanes)
  );
}

/** The inputs with pointers that do not move. */
export function sourcesOf(
  accesses: readonly Access[],
  integers: readonly boolean[],
  pointers: readonly Int[],
): SourceInput[] {
  return accesses.map((access, i) => ({
    access,
    integer: integers[i],
    pointer: pointers[i],
  }));
}

function buildRows(k: Kernel, program: RowProgram, layout: Layout): void {
  const { f } = k;
  const [rows, columns] = k.dims;
  // pointers of matrices and columns move with the row
  const moving = (access: Access, i: number): Int | Local<"i64"> =>
    access === "matrix" || access === "column" ? f.local("i64") : k.at[i];
  const accesses: readonly Access[] = [...program.inputs, ...program.outputs];
  const pointers = accesses.map(moving);
  const emitter = new ExpressionEmitter(
    f,
    sourcesOf(program.inputs, layout.integers, pointers),
  );
  emitter.hoistToKernel(program.stages.map(expressionOf));
  const outputs = pointers.slice(program.inputs.length);
  const emitRow = (row: Int, from: Int, to: Int): void => {
    // The row's own addresses; rows and scalars stay where they are.
    for (const [i, access] of accesses.entries()) {
      const pointer = pointers[i];
      if (!("index" in pointer)) continue;
      if (access === "matrix") {
        f.set(pointer as Local<"i64">, element(k.at[i], i64.mul(row, columns)));
      }
      if (access === "column") {
        f.set(pointer as Local<"i64">, element(k.at[i], row));
      }
    }
    emitter.beginRow();
    for (const pass of layout.passes) {
      if (isPass(pass)) {
        emitPass(k, emitter, { pass, from, to, outputs });
      } else emitRowStage(k, emitter, pass, outputs);
    }
  };
  const perRow = layout.passes.some((pass) =>
    !isPass(pass) || pass.some((s) => s.kind === "reduce")
  );
  if (layout.wide && !perRow) {
    // piece -> (row, block of its columns).
    const blocks = f.hold(i64.ceilDiv(columns, PIECE));
    k.pieces(i64.mul(rows, blocks), (piece) => {
      const row = f.local("i64", i64.divU(piece, blocks));
      const from = f.local(
        "i64",
        i64.mul(i64.sub(piece, i64.mul(row, blocks)), i64.const(PIECE)),
      );
      emitRow(
        row,
        from,
        f.local("i64", i64.min(i64.add(from, i64.const(PIECE)), columns)),
      );
    });
  } else {
    k.ranges(
      rows,
      layout.rowsPerPiece,
      (from, to) =>
        f.for(from, to, 1, (row) => emitRow(row, i64.const(0), columns)),
    );
  }
}

function emitRowStage(
  k: Kernel,
  emitter: ExpressionEmitter,
  stage: Stage,
  outputs: readonly Int[],
): void {
  if (stage.kind === "let") emitter.define(stage.name, emitter.row(stage.be));
  else if (stage.kind === "write") {
    k.f.storeLane32(outputs[stage.output], emitter.row(stage.value), 0);
  }
}

interface PassSpan {
  readonly pass: readonly (Reduce | Write)[];
  readonly from: Int;
  readonly to: Int;
  readonly outputs: readonly Int[];
}

const MOST_NEGATIVE = -3.4028234663852886e38;

/** One pass over columns from .. to of the current row. */
function emitPass(k: Kernel, emitter: ExpressionEmitter, span: PassSpan): void {
  const { f } = k;
  const { pass, from, to, outputs } = span;
  const expressions = pass.map(expressionOf);
  emitter.hoistToRow(expressions);
  const unroll = unrollOf(expressions);
  // A sum starts at 0, a maximum at the least finite number: -Infinity would make NaN of differences.
  const starts = pass.map((s) =>
    s.kind === "reduce" && s.op === "max" ? MOST_NEGATIVE : 0
  );
  // Accumulators [stage][copy]: copies of the loop's body add to their own.
  const accumulators = pass.map((s, i) =>
    s.kind === "reduce"
      ? Array.from(
        { length: unroll },
        () => f.local("v128", f32x4.const(starts[i])),
      )
      : []
  );
  vectorLoop(f, { from, to, unroll }, (lanes) => {
    // All values first, then stores and sums: a stage sees the inputs as they were.
    const values = emitter.at(lanes, expressions);
    for (const [i, stage] of pass.entries()) {
      if (stage.kind === "write") {
        storeColumns(f, outputs[stage.output], values[i], lanes);
      } else {accumulate(
          k,
          stage.op,
          accumulators[i][lanes.copy],
          values[i],
          lanes,
          starts[i],
        );}
    }
  });
  for (const [i, stage] of pass.entries()) {
    if (stage.kind === "reduce") {
      emitter.define(stage.name, combine(k, stage.op, accumulators[i]));
    }
  }
}

function storeColumns(
  f: FunctionBuilder,
  pointer: Int,
  value: Vector,
  lanes: Lanes,
): void {
  const address = i64.add(pointer, i64.shl(lanes.index, i64.const(2)));
  storeLanes(f, { address, offset: 4 * lanes.ahead }, value, lanes.rest);
}

function accumulate(
  k: Kernel,
  op: "sum" | "max",
  into: Local<"v128">,
  value: Vector,
  lanes: Lanes,
  neutral: number,
): void {
  // Lanes beyond the end of the row count for nothing.
  const counted = lanes.rest === null
    ? value
    : v128.select(value, f32x4.const(neutral), laneMask(lanes.rest));
  k.f.set(
    into,
    op === "sum" ? f32x4.add(into, counted) : f32x4.max(into, counted),
  );
}

/** The accumulators of an unrolled loop as one number, in every lane. */
function combine(
  k: Kernel,
  op: "sum" | "max",
  accumulators: readonly Local<"v128">[],
): Vector {
  const two = op === "sum" ? f32x4.add : f32x4.max;
  let all: Vector = accumulators[0];
  for (const other of accumulators.slice(1)) all = two(all, other);
  return op === "sum" ? sumLanes(k.f, all) : maxLanes(k.f, all);
}
