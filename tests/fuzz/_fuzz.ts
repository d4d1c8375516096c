/**
 * Runs a target on many mutants in processes of its own, and says which of them broke a promise: one screen,
 * exit code 0, 1 or 2, within 10 seconds and 1 GB, and never "a fault in denotune".
 *
 * A mutant is its seed: `deno run -A tests/fuzz/_child.ts TARGET SEED SEED+1` tries it again.
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { LineStream } from "./_lines.ts";

/** How many mutants are tried. */
export interface FuzzBudget {
  /** In every run of the tests. */
  readonly some: number;
  /** With `DENOTUNE_TEST_ALL=1`. */
  readonly all: number;
}

const SECONDS = 10;
/** A machine that is busy with other things makes everything slow: within this time, only the processor's counts. */
const SECONDS_WAITED = 60;
const BYTES = 1e9;
/** Seeds that one process tries: what it keeps in memory counts for all of them. */
const PER_PROCESS = 200;
const SCREEN = { lines: 26, characters: 6000 };

/** What JavaScript says of a value that nobody checked. */
const OF_THE_LANGUAGE =
  /\b(TypeError|RangeError|ReferenceError|SyntaxError)\b|Maximum call stack|Cannot (read|set) propert|(?<!' object |of type '\w+' )is not (iterable|a function|defined|an object)\b|undefined is not|Invalid (array|typed array|string) length/;

interface Line {
  readonly seed: number;
  readonly code?: number;
  readonly text?: string;
  readonly peak?: number;
}

/** Registers the test of a target: `module` is its URL, which exports `target`. */
export function fuzzTest(
  name: string,
  module: string,
  budget: FuzzBudget,
): void {
  const isFull = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
  const count = isFull ? budget.all : budget.some;
  Deno.test(`${count} mutants of ${name} end in one screen, exit 0, 1 or 2, within 10 s and 1 GB`, async () => {
    const problems = await fuzz(module, { from: 0, to: count });
    assert.deepEqual(problems.slice(0, 20), []);
  });
}

/** Tries the mutants of these seeds; gives a sentence for each broken promise. */
export async function fuzz(
  module: string,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<string[]> {
  const problems: string[] = [];
  for (let next = from; next < to;) {
    const end = Math.min(to, next + PER_PROCESS);
    next = await batch(module, { from: next, to: end }, problems);
  }
  return problems;
}

/** Tries seeds in one process; gives the first seed that is left. */
async function batch(
  module: string,
  { from, to }: { readonly from: number; readonly to: number },
  problems: string[],
): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--v8-flags=--max-old-space-size=1500",
      fileURLToPath(new URL("_child.ts", import.meta.url)),
      module,
      String(from),
      String(to),
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stderr = new Response(child.stderr).text();
  const lines = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new LineStream())[Symbol.asyncIterator]();
  let running: number | null = null;
  let done = from;
  let lastPeak = 0;
  while (true) {
    const next = await answerWithin(lines.next(), child.pid, running === null);
    if (next === null) {
      problems.push(`seed ${running}: more than ${SECONDS} s`);
      child.kill("SIGKILL");
      break;
    }
    if (next.done === true) break;
    const line: Line = JSON.parse(next.value);
    if (line.code === undefined) {
      running = line.seed;
      continue;
    }
    running = null;
    done = line.seed + 1;
    const peak = line.peak ?? 0;
    if (peak > BYTES && lastPeak <= BYTES) {
      problems.push(`seed ${line.seed}: ${(peak / 1e9).toFixed(2)} GB`);
      child.kill("SIGKILL");
      break;
    }
    lastPeak = peak;
    problems.push(...broken(line));
  }
  await child.status;
  const said = await stderr;
  if (running === null) return done;
  if (!problems.at(-1)?.startsWith(`seed ${running}:`)) {
    problems.push(`seed ${running}: the process ended: ${said.slice(0, 600)}`);
  }
  return running + 1;
}

function broken({ seed, code = 0, text = "" }: Line): string[] {
  const lines = text.split("\n").length;
  const what: string[] = [];
  if (![0, 1, 2].includes(code)) what.push(`exit ${code}`);
  if (code !== 0 && text.trim() === "") what.push("no message");
  if (lines > SCREEN.lines) what.push(`${lines} lines`);
  if (text.length > SCREEN.characters) what.push(`${text.length} characters`);
  if (/fault in denotune|\n {4}at /.test(text)) what.push("a fault");
  if (OF_THE_LANGUAGE.test(text)) {
    what.push("an error of the language");
  }
  return what.length === 0
    ? []
    : [`seed ${seed}: ${what.join(", ")}: ${text.slice(0, 400)}`];
}

/** What a process says next; null where it takes too long over a mutant. */
async function answerWithin<T>(
  answer: Promise<T>,
  pid: number,
  starts: boolean,
): Promise<T | null> {
  const before = processorSeconds(pid);
  for (let waited = SECONDS;; waited += 1) {
    const seconds = waited === SECONDS ? SECONDS : 1;
    const next = await within(answer, seconds);
    if (next !== null) return next;
    const used = processorSeconds(pid);
    const isBusy = before === null || used === null || used - before > SECONDS;
    if (waited >= SECONDS_WAITED || (isBusy && !starts)) return null;
  }
}

/** What a process and its threads have used of the processor, where the system says so. */
function processorSeconds(pid: number): number | null {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100; // ticks of 10 ms
  } catch {
    return null;
  }
}

async function within<T>(
  promise: Promise<T>,
  seconds: number,
): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), seconds * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
