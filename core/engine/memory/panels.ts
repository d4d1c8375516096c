/**
 * Matrices in panels: memory keeps so many rows of a weight (an output each) by columns, one panel behind the other, so
 * that a product of few rows reads its weights from one place on and multiplies them as they lie.
 *
 * ```text
 * rows 0 .. 47, column 0 | the same, column 1 | ...     panel 0
 * rows 48 .. 95, column 0 | ...                         panel 1; the last one has the rows that are left
 * ```
 * @module
 */
import { readsPanels } from "../../graph/checks/check_call.ts";
import { operandsOf } from "../../graph/kernels/mod.ts";
import type { Memory, Placement } from "../../graph/memory.ts";
import { type BufferId, type View, withViews } from "../../graph/plan.ts";
import type { PlannedProgram } from "../../graph/planner.ts";

/** A matrix in panels, and how its file has it: by columns where memory has transposed it. */
export interface PanelMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly panelRows: number;
  readonly byColumns: boolean;
}

/**
 * Stores in panels what the device asks for: matrices of float32 that all programs together read as factors of products
 * and by rows alone. Returns the programs with views of panels.
 */
export function keepInPanels(
  memory: Memory,
  programs: readonly PlannedProgram[],
): readonly PlannedProgram[] {
  const { panels } = memory;
  if (panels === null) return programs;
  const chosen = matricesOf(memory, panels);
  const multiplied = new Set<BufferId>();
  const leave = (views: Iterable<View>) => {
    for (const { buffer } of views) chosen.delete(buffer);
  };
  for (const { plan, inputs, outputs } of programs) {
    leave(inputs.values());
    leave(outputs.values());
    for (const call of plan.segments.flatMap((s) => s.calls)) {
      const operands = operandsOf(call).inputs;
      leave(call.outputs);
      leave(call.inputs.filter((view, i) => !readsPanels(operands[i], view)));
      if (call.kernel !== "matmul") continue;
      for (const { buffer } of call.inputs) multiplied.add(buffer);
    }
  }
  for (const [buffer, name] of chosen) {
    if (multiplied.has(buffer)) memory.storeInPanels(name, panels.rows);
    else chosen.delete(buffer);
  }
  const inPanels = (view: View): View =>
    chosen.has(view.buffer) ? { ...view, panelRows: panels.rows } : view;
  // no output lies in a matrix that was chosen
  return programs.map((program) => ({
    ...program,
    plan: withViews(program.plan, inPanels),
  }));
}

/** Matrices that have a buffer of their own, and are large enough: their names by buffer. */
function matricesOf(
  { variables }: Memory,
  { leastElements }: NonNullable<Memory["panels"]>,
): Map<BufferId, string> {
  const found = new Map<BufferId, string>();
  const shared = new Set<BufferId>();
  for (const [name, { buffer, shape, dtype }] of variables) {
    if (found.has(buffer)) shared.add(buffer);
    if (dtype !== "f32" || shape.length !== 2) shared.add(buffer);
    const [rows, columns] = shape;
    if (rows * columns >= leastElements) found.set(buffer, name);
  }
  for (const buffer of shared) found.delete(buffer);
  return found;
}

/** The matrix of a variable in panels; null for any other. */
export function panelMatrix(
  { shape: [rows, columns], panelRows, transposed }: Placement,
): PanelMatrix | null {
  if (panelRows === undefined) return null;
  return { rows, columns, panelRows, byColumns: transposed === true };
}

/** The numbers of whole panels, as memory has them, from those of a file. */
export function panelsOf(
  values: Float32Array,
  matrix: PanelMatrix,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(values.length);
  eachNumber(matrix, (inFile, inMemory, step, count) => {
    for (let i = 0; i < count; i++) {
      out[inMemory + i] = values[inFile + i * step];
    }
  });
  return out;
}

/** The numbers of whole panels, as a file has them. */
export function numbersOfPanels(
  panels: Float32Array,
  matrix: PanelMatrix,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(panels.length);
  eachNumber(matrix, (inFile, inMemory, step, count) => {
    for (let i = 0; i < count; i++) {
      out[inFile + i * step] = panels[inMemory + i];
    }
  });
  return out;
}

/** Reads `n` numbers of a matrix, in the order of its file: of one by rows, only the panels that have them. */
export async function readPanels(
  matrix: PanelMatrix,
  { start, n, read }: {
    readonly start: number;
    readonly n: number;
    /** Numbers of memory. */
    readonly read: (from: number, count: number) => Promise<Float32Array>;
  },
): Promise<Float32Array> {
  const { rows, columns, panelRows, byColumns } = matrix;
  const panel = panelRows * columns;
  const from = byColumns ? 0 : panel * Math.floor(start / panel);
  const to = byColumns
    ? rows * columns
    : Math.min(rows * columns, panel * Math.ceil((start + n) / panel));
  const own = { ...matrix, rows: (to - from) / columns };
  const numbers = numbersOfPanels(await read(from, to - from), own);
  return numbers.slice(start - from, start - from + n);
}

/** Calls `body` for each column of each panel: `count` numbers, which are `step` apart in the file. */
function eachNumber(
  { rows, columns, panelRows, byColumns }: PanelMatrix,
  body: (
    inFile: number,
    inMemory: number,
    step: number,
    count: number,
  ) => void,
): void {
  const [rowStep, columnStep] = byColumns ? [1, rows] : [columns, 1];
  let inMemory = 0;
  for (let first = 0; first < rows; first += panelRows) {
    const count = Math.min(panelRows, rows - first);
    for (let column = 0; column < columns; column++) {
      const inFile = first * rowStep + column * columnStep;
      body(inFile, inMemory, rowStep, count);
      inMemory += count;
    }
  }
}

/** Rows of matrices by rows, gathered until panels are whole. */
export class PanelWrites {
  readonly #begun = new Map<
    string,
    { readonly known: number; readonly rest: Float32Array }
  >();

  /** Names of matrices whose last rows have not come yet. */
  get unfinished(): readonly string[] {
    return [...this.#begun.keys()];
  }

  /**
   * Takes elements from `start` on. Returns the panels that are whole now, and their first element in memory. Throws
   * `RangeError` for parts that are not in order.
   */
  add(
    { name, matrix, start, data }: {
      readonly name: string;
      readonly matrix: PanelMatrix;
      readonly start: number;
      readonly data: Float32Array;
    },
  ): { readonly values: Float32Array<ArrayBuffer>; readonly start: number } {
    const { rows, columns, panelRows } = matrix;
    if (start === 0) this.#begun.delete(name);
    const { known, rest } = this.#begun.get(name) ??
      { known: 0, rest: data.subarray(0, 0) };
    if (start !== known) {
      throw new RangeError(
        `${name} is put into panels on its way: its parts must be written in order; ${known} elements are there, given ${data.length} from ${start}`,
      );
    }
    const all = rest.length === 0 ? data : new Float32Array(
      rest.length + data.length,
    );
    if (rest.length > 0) {
      all.set(rest);
      all.set(data, rest.length);
    }
    const now = known + data.length;
    const panel = panelRows * columns;
    const isLast = now === rows * columns;
    const whole = isLast ? all.length : all.length - all.length % panel;
    if (isLast) this.#begun.delete(name);
    else this.#begun.set(name, { known: now, rest: all.slice(whole) });
    const values = panelsOf(all.subarray(0, whole), {
      ...matrix,
      rows: whole / columns,
    });
    return { values, start: known - rest.length };
  }
}
