/**
 * Dropout with random numbers keyed by (seed, step, global row, stream, element): recomputation,
 * accumulation and several processes draw the same ones.
 * @module
 */
import { constant, input, random, write } from "../expression.ts";
import type { Graph, Tensor } from "../graph.ts";
import { addTo } from "./add.ts";
import { rows, spaceOf } from "./rows.ts";

/** x / (1 - p) where kept, else 0. `rowKeys` i32 (rows); `stream` distinguishes this dropout from others. */
export function dropout(
  graph: Graph,
  x: Tensor,
  rowKeys: Tensor,
  options: { p: number; stream: number },
): Tensor {
  const { p, stream } = options;
  if (p === 0) return x;
  const kept = constant(p).le(random(1, stream)).mul(1 / (1 - p));
  const apply = (target: Tensor): Tensor =>
    rows(graph, [target, rowKeys], spaceOf(target), {
      inputs: ["matrix", "column"],
      stages: [write(0, input(0).mul(kept))],
      outputs: ["matrix"],
    }, (context) => {
      const dOut = context.dOutputs[0];
      if (dOut !== undefined) {
        context.add(0, (addend) => addTo(graph, addend, apply(dOut)));
      }
    })[0];
  return apply(x);
}
