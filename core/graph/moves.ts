/**
 * Copies that all happen at once: each reads what its source held before any of them. They are put in an
 * order in which a place is overwritten only after its values are copied; one copy aside breaks a cycle of
 * places.
 *
 * ```text
 * a <- b   b <- c   c <- a        aside <- b   b <- c   c <- a   a <- aside
 * ```
 * @module
 */
import { bytesOf } from "./dtype.ts";
import type { View } from "./plan.ts";

/** A value on its way to another place. */
export interface Move {
  readonly label: string;
  readonly from: View;
  readonly to: View;
}

/** What ordering moves needs to know. */
export interface MoveOptions {
  /** Size of a view at capacity. */
  readonly bytes: (view: View) => number;
  /** A free place of a view's size. */
  readonly aside: (view: View) => View;
}

/** The copies in order, without moves of a value onto itself. */
export function orderMoves(
  all: readonly Move[],
  { bytes, aside }: MoveOptions,
): Move[] {
  const meet = (a: View, b: View): boolean => {
    const [startA, startB] = [startOf(a), startOf(b)];
    return a.buffer === b.buffer && startA < startB + bytes(b) &&
      startB < startA + bytes(a);
  };
  const copies: Move[] = [];
  let moves = all.filter(({ from, to }) => !samePlace(from, to));
  while (moves.length > 0) {
    const ready = moves.find((move) =>
      moves.every((other) => other === move || !meet(move.to, other.from))
    );
    if (ready !== undefined) {
      copies.push(ready);
      moves = moves.filter((move) => move !== ready);
      continue;
    }
    const { from, label } = moves[0];
    const to = aside(from);
    copies.push({ from, to, label });
    moves = moves.map((move) =>
      samePlace(move.from, from) ? { ...move, from: to } : move
    );
  }
  return copies;
}

function startOf(view: View): number {
  return view.offset * bytesOf(view.dtype);
}

function samePlace(a: View, b: View): boolean {
  return a.buffer === b.buffer && startOf(a) === startOf(b);
}
