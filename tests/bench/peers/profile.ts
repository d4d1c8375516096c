/**
 * Kernels by the time that they took.
 * @module
 */

/** Prints the kernels that took most, labels of all layers together; times are of one step. */
export function showProfile(
  times: readonly {
    kernel: string;
    label: string;
    seconds: number;
    calls: number;
  }[],
  steps: number,
): void {
  const byKernel = Map.groupBy(
    times,
    (t) => `${t.kernel} ${t.label.replace(/\d+/g, "*")}`,
  );
  const rows = [...byKernel].map(([kernel, list]) => ({
    kernel,
    ms: list.reduce((s, t) => s + t.seconds, 0) * 1000 / steps,
    calls: list.reduce((s, t) => s + t.calls, 0) / steps,
  })).sort((a, b) => b.ms - a.ms);
  const sum = rows.reduce((s, r) => s + r.ms, 0);
  const calls = rows.reduce((s, r) => s + r.calls, 0);
  console.error(`${sum.toFixed(3)} ms in ${calls} launches`);
  for (const r of rows.slice(0, 40)) {
    console.error(
      r.ms.toFixed(3).padStart(9),
      String(r.calls).padStart(6),
      r.kernel,
    );
  }
}
