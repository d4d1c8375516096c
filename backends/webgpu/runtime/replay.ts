/**
 * Runs a compiled program: one encoder, one pass, as few submissions as a watchdog allows. Nothing is made
 * but the commands themselves.
 * @module
 */
import { DeviceError, type Extents } from "@denotune/denotune/device";
import {
  type ReadyDispatch,
  type ReadyProgram,
  type ReadySegment,
  sizesUnder,
} from "./compile.ts";
import type { Gpu } from "./gpu.ts";
import type { Stopwatch } from "./stopwatch.ts";

/** Refuses extents that are missing, no whole numbers, or above their capacity. */
export function checkExtents(
  { name, capacities }: ReadyProgram,
  extents: Extents,
): void {
  for (const [dim, capacity] of Object.entries(capacities)) {
    const extent = extents[dim];
    if (!Number.isInteger(extent) || extent < 0 || extent > capacity) {
      throw new DeviceError(
        `${name}: the extent of ${dim} is ${extent}: must be 0 to ${capacity}`,
      );
    }
  }
}

/** Extents of each iteration of a segment. */
function* iterationsOf(
  { repeat, firstRecord }: ReadySegment,
  extents: Extents,
): Generator<{ extents: Extents; record: number }> {
  if (repeat === null) {
    yield { extents, record: 0 };
    return;
  }
  const total = sizesUnder(extents)(repeat.total);
  for (let i = 0; i * repeat.chunk < total; i++) {
    yield {
      extents: {
        ...extents,
        [repeat.as]: Math.min(repeat.chunk, total - i * repeat.chunk),
      },
      record: firstRecord + i,
    };
  }
}

/** Enqueues one run. With a stopwatch, every dispatch is timed in a pass of its own. */
export function replay(
  gpu: Gpu,
  program: ReadyProgram,
  extents: Extents,
  stopwatch: Stopwatch | null,
): void {
  checkExtents(program, extents);
  const { device, counters, limits } = gpu;
  counters.runs++;
  device.queue.writeBuffer(
    program.sizesBuffer,
    0,
    recordsOf(program, extents),
  );
  let encoder = device.createCommandEncoder();
  let pass: GPUComputePassEncoder | null = null;
  let operations = 0;
  let boundRecord = -1;
  let boundPipeline: GPUComputePipeline | null = null;
  const endPass = () => {
    pass?.end();
    pass = null;
    boundRecord = -1;
    boundPipeline = null;
  };
  const passFor = (dispatch: ReadyDispatch): GPUComputePassEncoder => {
    if (pass !== null && stopwatch === null) return pass;
    endPass();
    counters.passes++;
    pass = encoder.beginComputePass(stopwatch?.pass(dispatch) ?? {});
    return pass;
  };
  for (const segment of program.segments) {
    for (const { extents: here, record } of iterationsOf(segment, extents)) {
      const size = sizesUnder(here);
      for (const dispatch of segment.dispatches) {
        const { groups, z = 1 } = dispatch.grid(size);
        if (groups === 0 || z === 0) continue;
        const cost = dispatch.cost?.(size) ?? 0;
        const full = operations > 0 &&
          operations + cost > gpu.budget.operations;
        if (full || stopwatch?.full === true) {
          endPass();
          stopwatch?.resolve(encoder);
          gpu.submit([encoder.finish()], operations);
          encoder = device.createCommandEncoder();
          operations = 0;
        }
        operations += cost;
        const at = passFor(dispatch);
        if (boundPipeline !== dispatch.pipeline) {
          at.setPipeline(dispatch.pipeline);
          boundPipeline = dispatch.pipeline;
        }
        at.setBindGroup(0, dispatch.bindings);
        if (boundRecord !== record) {
          at.setBindGroup(1, program.sizesGroup, [
            record * program.recordBytes,
          ]);
          boundRecord = record;
        }
        const [x, y] = fold(groups, limits.maxGroups);
        at.dispatchWorkgroups(x, y, z);
        counters.dispatches++;
      }
    }
  }
  endPass();
  stopwatch?.resolve(encoder);
  gpu.submit([encoder.finish()], operations);
}

/** A number of workgroups as a grid of two dimensions, which may have a few more. */
export function fold(groups: number, most: number): readonly [number, number] {
  if (groups <= most) return [groups, 1];
  const y = Math.ceil(groups / most);
  return [Math.ceil(groups / y), y];
}

/** All records of sizes of a run. */
function recordsOf(
  program: ReadyProgram,
  extents: Extents,
): Uint32Array<ArrayBuffer> {
  const { sizes, records, recordBytes } = program;
  const length = recordBytes / 4;
  const values = new Uint32Array(records * length);
  const fill = (record: number, iteration: number, here: Extents) => {
    const at = record * length;
    values[at] = iteration;
    sizes.dims.forEach((dim, i) => {
      // A chunk's own dimension has no extent outside of its segment.
      if (dim.names.every((name) => here[name] !== undefined)) {
        values[at + 1 + i] = sizesUnder(here)(dim);
      }
    });
  };
  fill(0, 0, extents);
  for (const segment of program.segments) {
    if (segment.repeat === null) continue;
    for (const { extents: here, record } of iterationsOf(segment, extents)) {
      fill(record, record - segment.firstRecord, here);
    }
  }
  return values;
}
