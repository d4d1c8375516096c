/**
 * Steps of an optimizer as a run makes them: the update program of the engine over tensors of several shapes.
 * @module
 */
import { planProgram } from "../../../core/graph/planner.ts";
import { Memory } from "../../../core/graph/memory.ts";
import { Session } from "../../../core/engine/session.ts";
import { sumNames } from "../../../core/engine/loss_program.ts";
import {
  RING_FIXED,
  RING_SLOTS,
} from "../../../core/engine/update/step_ring.ts";
import {
  scalarsOf,
  updateProgram,
} from "../../../core/engine/update/update_program.ts";
import {
  chooseTrainables,
  gradientName,
  placeTrainables,
  slotName,
  statesOf,
} from "../../../core/engine/trainables.ts";
import type { Device, Optimizer, TrainedTensor } from "@denotune/denotune/core";

/** A tensor and where it starts. */
export interface StartedTensor extends TrainedTensor {
  readonly values: Float32Array;
}

/** One step: the gradient of every tensor, by name. */
export interface TrainStep {
  readonly gradients: Readonly<Record<string, Float32Array>>;
  readonly learningRate: number;
}

/** Parameters by name, and states by the names of their variables, after each step. */
export type TrainedValues = ReadonlyMap<string, Float32Array>;

/** Makes the steps, counted from 1; `maxGradNorm` clips their gradients, absent: they are not clipped. */
export async function trainSteps(
  optimizer: Optimizer,
  { tensors, steps, device, maxGradNorm = null }: {
    readonly tensors: readonly StartedTensor[];
    readonly steps: readonly TrainStep[];
    readonly device: Device;
    readonly maxGradNorm?: number | null;
  },
): Promise<TrainedValues[]> {
  const memory = new Memory(device.info);
  const trainables = chooseTrainables(memory, {
    weights: tensors.map(({ name, shape }) => ({
      name,
      shape,
      init: { kind: "zeros" },
    })),
    adapter: null,
    optimizer,
    frozen: new Set(),
  });
  placeTrainables(memory, trainables, optimizer.slots);
  for (const name of Object.values(sumNames("train"))) {
    memory.variable(name, [1], { role: "inputs" });
  }
  memory.variable("ring", [RING_SLOTS, RING_FIXED + 1], { role: "inputs" });
  const graph = updateProgram(trainables, optimizer, {
    maxGradNorm,
    sources: 1,
  });
  const planned = planProgram(graph, {
    name: "update",
    memory,
    capacities: {},
  });
  await using session = await Session.open(device, memory, [planned]);
  for (const { name, values } of tensors) {
    session.write(name, values);
    // an average starts as the parameter itself
    if (optimizer.average !== undefined) {
      session.write(slotName(optimizer.average.slot, name), values);
    }
  }
  const found: TrainedValues[] = [];
  for (const [i, { gradients, learningRate }] of steps.entries()) {
    for (const [name, gradient] of Object.entries(gradients)) {
      session.write(gradientName(name), gradient);
    }
    session.run("update", {}, {
      scalars: scalarsOf(trainables, optimizer, { learningRate, step: i + 1 }),
      ring_index: Int32Array.of(i),
    });
    const values = new Map<string, Float32Array>();
    for (const { name } of tensors) {
      values.set(name, await session.read(name));
      for (const { variable } of statesOf(trainables, optimizer.slots, name)) {
        values.set(variable, await session.read(variable));
      }
    }
    found.push(values);
  }
  return found;
}
