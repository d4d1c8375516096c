/**
 * Trains two steps, as one process or as a rank, and prints the shared libraries of the whole process (Linux).
 *
 *     deno run -A _libraries.ts FOLDER PARALLEL...      settings of `parallel` as JSON, one run each
 * @module
 */
import { runConfig, tinyRun } from "../../run_harness.ts";

const [folder, ...settings] = Deno.args;
for (const [i, parallel] of settings.entries()) {
  await runConfig({
    ...tinyRun(`${folder}/${i}`, { training: { max_steps: 2 } }),
    backend: "cpu",
    parallel: JSON.parse(parallel),
  });
}
const maps = Deno.readTextFileSync("/proc/self/maps");
const libraries = new Set(
  [...maps.matchAll(/\/([^/\s]+\.so[^/\s]*)$/gm)].map(([, name]) => name),
);
// one write, so that lines of ranks do not mix
Deno.stdout.writeSync(
  new TextEncoder().encode(`${JSON.stringify([...libraries])}\n`),
);
