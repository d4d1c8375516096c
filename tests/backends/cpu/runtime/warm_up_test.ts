/** Functions are called with nothing to do when they are assembled: that must change no tensor. */
import assert from "node:assert/strict";
import { withViews } from "../../../../core/graph/plan.ts";
import { bytesOf } from "../../../../core/graph/dtype.ts";
import { elementsOf, type Plan, type View } from "@denotune/denotune/core";
import { backendCases } from "../../../conformance/backend.ts";
import { planOf } from "../../../conformance/backend/case.ts";
import { openCpu } from "../open.ts";

/** As a float not a number, as an index out of any range. */
const PATTERN = 0x7fc07fc0;

Deno.test("compiling a plan writes nothing", async () => {
  for (const blas of ["off", "auto"] as const) {
    await using device = await openCpu({ workers: 2, blas });
    const cases = Object.values(backendCases).flat().filter(({ needs }) =>
      needs === undefined || needs === "int8" || needs === "nf4"
    );
    for (const plan of cases.map(planOf)) {
      const views = viewsOf(plan);
      const buffers = new Map<number, { id: number; bytes: number }>();
      for (const view of views) {
        const bytes = 4 * Math.ceil(endOf(view, plan) / 4);
        const known = buffers.get(view.buffer)?.bytes ?? 0;
        buffers.set(view.buffer, { id: -1, bytes: Math.max(known, bytes) });
      }
      for (const [number, { bytes }] of buffers) {
        const id = device.allocate(bytes, `buffer ${number}`);
        device.write(id, new Uint32Array(bytes / 4).fill(PATTERN));
        buffers.set(number, { id, bytes });
      }
      const move = (view: View): View => ({
        ...view,
        buffer: buffers.get(view.buffer)?.id ?? -1,
      });
      await device.compile(withViews(plan, move));
      for (const { id, bytes } of buffers.values()) {
        const words = new Uint32Array(await device.read(id, 0, bytes));
        assert.ok(words.every((word) => word === PATTERN), plan.name);
        device.free(id);
      }
    }
  }
});

function viewsOf({ segments }: Plan): View[] {
  return segments.flatMap(({ calls }) =>
    calls.flatMap(({ inputs, outputs }) => [...inputs, ...outputs])
  );
}

/** Behind the last byte of a view, with room for what a repeated segment advances by. */
function endOf(
  { offset, shape, dtype, advance = 0 }: View,
  plan: Plan,
): number {
  const elements = elementsOf(shape, { ...chunksOf(plan), ...plan.capacities });
  const repeats = Math.max(0, ...Object.values(plan.capacities));
  return (offset + elements + repeats * advance) * bytesOf(dtype) + 64;
}

function chunksOf({ segments }: Plan): Record<string, number> {
  return Object.fromEntries(
    segments.flatMap(({ repeat }) =>
      repeat === undefined ? [] : [[repeat.as, repeat.chunk]]
    ),
  );
}
