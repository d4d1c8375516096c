/**
 * The process that tries mutants: `_child.ts TARGET FROM TO`. It writes a line of JSON before and after each.
 * @module
 */
import { Random } from "./_mutate.ts";
import type { FuzzTarget } from "./_target.ts";

const [module, from, to] = Deno.args;
const { target }: { target: FuzzTarget } = await import(module);
const say = (line: unknown): void => console.log(JSON.stringify(line));
const root = await Deno.makeTempDir();
for (let seed = Number(from); seed < Number(to); seed++) {
  const folder = `${root}/${seed}`;
  await Deno.mkdir(folder);
  say({ seed });
  const ended = await target.attempt(new Random(seed), folder);
  say({ seed, ...ended, peak: peakBytes() });
  await Deno.remove(folder, { recursive: true }).catch(() => {});
}
await Deno.remove(root, { recursive: true }).catch(() => {});
Deno.exit(0); // a target may leave workers behind

/** The most memory that this process has had, where the system says so. */
function peakBytes(): number {
  try {
    const status = Deno.readTextFileSync("/proc/self/status");
    return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return Deno.memoryUsage().rss;
  }
}
