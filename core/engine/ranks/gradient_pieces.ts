/**
 * Cuts the program of a micro-batch behind the calls that complete gradients, so that ranks add up what is complete
 * while the backward pass of the layers before it still computes.
 *
 * ```text
 * micro     |-- forward --|-- backward of layers 5, 4 --|-- 3, 2 --|-- 1, 0 --|-- embedding --|
 * pieces    |--------------------- 0 -------------------|--- 1 ----|--- 2 ----|------ 3 ------|
 * sums                                                  |-- 5, 4 --|-- 3, 2 --|-- 1, 0 --|    |- embedding -|
 * ```
 *
 * The last pieces are shorter and shorter, because nothing is left to compute while the last one is summed.
 * The calls and their order are those of the whole, and each number is added by itself: bits are the same.
 * @module
 */
import { count, type Memory } from "../../graph/memory.ts";
import {
  addedRowsOf,
  type KernelCall,
  type Segment,
} from "../../graph/plan.ts";
import type { PlannedProgram } from "../../graph/planner.ts";
import { gradientName, type Trainables } from "../trainables.ts";

/** Part of a variable. */
export interface GradientSlice {
  readonly variable: string;
  readonly start: number;
  readonly count: number;
  /** An embedding, of whose rows those of tokens are complete later; absent: all are complete at once. */
  readonly rows?: EmbeddingRows;
}

/** Rows of an embedding. */
export interface EmbeddingRows {
  readonly columns: number;
  /** `others` are complete before those of `tokens`; where no piece has them, they are zero. */
  readonly which: "others" | "tokens";
}

/** A piece of the program, and the gradients that are complete when it has run. */
export interface MicroPiece {
  readonly program: PlannedProgram;
  readonly complete: readonly GradientSlice[];
}

/** Most pieces of equal size: each is a run of its own, and a sum of its own. */
const MOST_PIECES = 8;
/** Fewest numbers of a piece that others follow: smaller messages cost latency alone. */
export const FEWEST_SUMMED: number = 1 << 17;
/** The same where little follows: then a piece has half of what is left. */
const FEWEST_OF_LAST = 1 << 15;
/** Slices of fewer numbers go together, with the last piece. */
export const FEWEST_ALONE: number = 1 << 14;

/** What runs at once: a call, or a segment that is repeated. */
interface Unit {
  readonly calls: readonly KernelCall[];
  readonly repeat?: Segment["repeat"];
}

/** A trained tensor's gradient, with the gap behind it, and the unit that writes it last. */
interface Member extends GradientSlice {
  readonly last: number;
  /** Numbers to send, about. */
  readonly sent: number;
}

/** Cuts a planned program of a micro-batch. One piece where there is little to send. */
export function cutAtGradients(
  planned: PlannedProgram,
  { trainables, memory, fewest }: {
    readonly trainables: Trainables;
    readonly memory: Memory;
    readonly fewest: number;
  },
): MicroPiece[] {
  const units = planned.plan.segments.flatMap((segment): Unit[] =>
    segment.repeat === undefined
      ? segment.calls.map((call) => ({ calls: [call] }))
      : [segment]
  );
  const members = membersOf(trainables, memory, units)
    .sort((a, b) => a.last - b.last);
  const total = members.reduce((n, member) => n + member.sent, 0);
  const enough = Math.max(fewest, total / MOST_PIECES);
  const pieces: MicroPiece[] = [];
  let from = 0;
  let complete: Member[] = [];
  let size = 0;
  let left = total;
  const cut = (to: number): void => {
    pieces.push({
      program: pieceOf(planned, units.slice(from, to), pieces.length),
      complete: joined(complete),
    });
    from = to;
    complete = [];
    left -= size;
    size = 0;
  };
  for (const [i, member] of members.entries()) {
    complete.push(member);
    size += member.sent;
    const next = members[i + 1];
    const due = Math.min(enough, Math.max(FEWEST_OF_LAST, left / 2));
    if (size >= due && next !== undefined && next.last > member.last) {
      cut(member.last + 1);
    }
  }
  cut(units.length);
  return pieces;
}

/** A call that writes to a gradient. */
interface Write {
  readonly unit: number;
  readonly offset: number;
  /** Columns of an embedding of whose rows it writes those of tokens alone; null: it writes all. */
  readonly tokenColumns: number | null;
}

/** All gradients, those too that no call writes: they count as complete at the end. */
function membersOf(
  { groups }: Trainables,
  memory: Memory,
  units: readonly Unit[],
): Member[] {
  const found: Member[] = [];
  for (const { name, elements, members } of groups.flatMap((g) => g.arenas)) {
    const variable = gradientName(name);
    const buffer = memory.variables.get(variable)?.buffer;
    const writes = units.flatMap(({ calls }, unit) =>
      calls.flatMap((call) =>
        call.outputs.filter((view) => view.buffer === buffer).map((
          { offset },
        ): Write => ({ unit, offset, tokenColumns: tokenColumnsOf(call) }))
      )
    );
    members.forEach(({ offset, shape }, i) => {
      const size = count(shape);
      const end = members[i + 1]?.offset ?? elements;
      const slice = { variable, start: offset, count: end - offset };
      found.push(
        ...membersOfSlice(slice, {
          writes: writes.filter((w) =>
            w.offset >= offset && w.offset < offset + size
          ),
          end: units.length - 1,
        }),
      );
    });
  }
  return found;
}

/** A gradient, twice where its rows of tokens are written when all others are complete. */
function membersOfSlice(
  slice: GradientSlice,
  { writes, end }: { readonly writes: readonly Write[]; readonly end: number },
): Member[] {
  const sent = slice.count;
  const last = writes.at(-1);
  if (last === undefined) return [{ ...slice, last: end, sent }];
  const columns = last.tokenColumns;
  const others = writes.findLast(({ unit }) => unit < last.unit);
  if (columns === null) return [{ ...slice, last: last.unit, sent }];
  const rows = { columns, which: "tokens" } as const;
  const ofTokens = { ...slice, rows, last: last.unit, sent: 0 };
  return others === undefined ? [ofTokens] : [{
    ...slice,
    rows: { columns, which: "others" },
    last: others.unit,
    sent,
  }, ofTokens];
}

/** Columns of an embedding whose gradient a call adds to, in the rows of tokens alone. */
function tokenColumnsOf(call: KernelCall): number | null {
  const rows = addedRowsOf(call);
  return rows !== null && typeof rows.count === "object" &&
      rows.count.names.join() === "tokens.unique"
    ? rows.columns
    : null;
}

/** Slices that touch, as one; an embedding stays by itself, and is summed first. */
function joined(members: readonly Member[]): GradientSlice[] {
  const slices = members.map(({ last: _, sent: __, ...slice }) => slice);
  const embeddings = slices.filter(({ rows }) => rows !== undefined);
  const sorted = slices.filter(({ rows }) => rows === undefined).toSorted((
    a,
    b,
  ) =>
    a.variable === b.variable
      ? a.start - b.start
      : a.variable < b.variable
      ? -1
      : 1
  );
  const all: GradientSlice[] = [];
  for (const { variable, start, count } of sorted) {
    const before = all.at(-1);
    if (
      before?.variable === variable && before.start + before.count === start
    ) {
      all[all.length - 1] = { ...before, count: before.count + count };
    } else all.push({ variable, start, count });
  }
  return [...embeddings, ...all];
}

/** A piece as a program: the first has the inputs and outputs of the whole. */
function pieceOf(
  { plan, inputs, declared, outputs }: PlannedProgram,
  units: readonly Unit[],
  index: number,
): PlannedProgram {
  const segments: { calls: KernelCall[]; repeat?: Segment["repeat"] }[] = [];
  for (const { calls, repeat } of units) {
    const before = segments.at(-1);
    if (repeat !== undefined) segments.push({ calls: [...calls], repeat });
    else if (before === undefined || before.repeat !== undefined) {
      segments.push({ calls: [...calls] });
    } else before.calls.push(...calls);
  }
  return {
    plan: { ...plan, name: pieceName(plan.name, index), segments },
    inputs: index === 0 ? inputs : new Map(),
    declared,
    outputs: index === 0 ? outputs : new Map(),
  };
}

/** Name of a piece's program. */
export function pieceName(program: string, index: number): string {
  return index === 0 ? program : `${program} ${index}`;
}
