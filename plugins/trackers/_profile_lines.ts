/**
 * A profile as people read it: what a step does, then the kernels that take most of it.
 *
 * ```text
 * profile 15 steps: 110.2 ms of kernels a step; 125 dispatches, 3 submits, 0 bindGroups
 *    41.2 ms  38 %     24 calls  matmul NT subgroup broadcast 32x4
 * ```
 * @module
 */
import type { ProfileEvent } from "@denotune/denotune/core";
import { percent } from "./_format.ts";

/** Kernels that are shown. */
const MOST = 12;

/** The lines of a profile. */
export function profileLines(
  { steps, kernels, counts }: ProfileEvent,
  head: string,
): string[] {
  const byKernel = new Map<string, { seconds: number; calls: number }>();
  for (const { kernel, seconds, calls } of kernels) {
    const sum = byKernel.get(kernel) ?? { seconds: 0, calls: 0 };
    sum.seconds += seconds;
    sum.calls += calls;
    byKernel.set(kernel, sum);
  }
  const total = kernels.reduce((sum, k) => sum + k.seconds, 0);
  const milliseconds = (seconds: number) =>
    `${(1000 * seconds / steps).toFixed(2)} ms`;
  const counted = Object.entries(counts).map(([name, n]) =>
    `${Number(n.toFixed(2))} ${name}`
  );
  const shown = [...byKernel].sort(([, a], [, b]) => b.seconds - a.seconds);
  const rest = shown.slice(MOST).reduce((sum, [, k]) => sum + k.seconds, 0);
  return [
    `${head} ${steps} steps: ${milliseconds(total)} of kernels a step${
      counted.length === 0 ? "" : `; ${counted.join(", ")}`
    }`,
    ...shown.slice(0, MOST).map(([kernel, { seconds, calls }]) =>
      `${milliseconds(seconds).padStart(12)} ${
        percent(seconds / total).padStart(6)
      } ${String(Math.round(calls / steps)).padStart(6)} calls  ${kernel}`
    ),
    ...(rest > 0
      ? [
        `${milliseconds(rest).padStart(12)} ${
          percent(rest / total).padStart(6)
        }               others`,
      ]
      : []),
  ];
}
