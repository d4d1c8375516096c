/**
 * Whole programs: from the command to the first step, importing the library, preparing data, encoding text.
 * @module
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { loadTokenizer } from "../../../plugins/tokenizers/huggingface.ts";
import { testData } from "../../test_data.ts";
import { child, type Measured, peakMemory } from "./row.ts";

const HERE = new URL("..", import.meta.url).pathname;
const PROJECT = new URL("../../../", import.meta.url).pathname;

/** A file or folder of the comparison, kept in the system's folder for temporary files. */
export function kept(name: string): string {
  return join(tmpdir(), `denotune-bench-${name}`);
}

/** Makes what is not there yet. */
export async function once(
  path: string,
  make: () => Promise<unknown>,
): Promise<string> {
  try {
    await Deno.stat(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    await make();
  }
  return path;
}

/** From the command `train` to its first step: LoRA 16 on a folder of 135 million weights, one row of 32 tokens. */
export async function start(folder: string): Promise<Measured> {
  const work = await Deno.makeTempDir({ prefix: "denotune-start-" });
  try {
    const file = join(work, "rows.jsonl");
    await Deno.writeTextFile(
      file,
      `${JSON.stringify({ text: "abcdefgh".repeat(3) })}\n`.repeat(64),
    );
    const run = join(work, "run.yaml");
    await Deno.writeTextFile(
      run,
      `model: { path: ${folder} }
tokenizer: byte
training_mode: pretrain
adapter: { use: lora, r: 16, lora_alpha: 32 }
backend: cpu
data: { train: [{ path: ${file} }], max_length: 32, cache: false, collator: padded }
training: { batch_size: 1, max_steps: 1000, logging_steps: 1, save_steps: null, eval_steps: null }
output_dir: ${join(work, "out")}
`,
    );
    const began = performance.now();
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", `${PROJECT}mod.ts`, "train", run],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    let text = "";
    for await (
      const piece of command.stdout.pipeThrough(new TextDecoderStream())
    ) {
      text += piece;
      if (/step\s+1\D/.test(text)) break;
    }
    const seconds = (performance.now() - began) / 1000;
    const used = /step\s+1\D/.test(text) ? usageOf(command.pid) : null;
    try {
      command.kill("SIGKILL");
    } catch { /* it has ended */ }
    await command.status;
    const errors = await new Response(command.stderr).text();
    if (used === null) throw new Error(`no first step: ${text}${errors}`);
    return { work: 1, seconds, ...used };
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

function usageOf(pid: number): { processor: number; peak: number } {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13)
    .map(Number);
  const peak = /VmHWM:\s+(\d+)/.exec(
    Deno.readTextFileSync(`/proc/${pid}/status`),
  )?.[1];
  return {
    processor: (fields[0] + fields[1]) / 100,
    peak: Number(peak) * 1024,
  };
}

/** The seconds that `import "mod.ts"` takes in a process that has just begun. */
export async function importLibrary(): Promise<Measured> {
  const body = `
const before = process.cpuUsage();
const start = performance.now();
await import("${PROJECT}mod.ts");
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(before);
const peak = process.memoryUsage().rss;
console.log(JSON.stringify({ work: 1, seconds, processor: (user + system) / 1e6, peak }));`;
  const found = await child(Deno.execPath(), { args: ["eval", body] });
  if ("missing" in found) throw new Error(`${found.missing} cannot be run`);
  return found;
}

/** Rows whose answers are encoded. */
const ENCODED_ROWS = 16_000;
/** Rows that are prepared: so many that what workers take to start (0.6 s) is a small share, as in a real set. */
const PREPARED_ROWS = 256_000;

/** A file of rows; the third argument of `prepare_data.ts make` is their seed. */
export async function rowsFile(rows = ENCODED_ROWS): Promise<string> {
  const seeds = testData("instruct/alpaca_999.json");
  if (seeds === null) {
    throw new Error("the rows to begin with are absent (DENOTUNE_TEST_DATA)");
  }
  const path = kept(`rows-${rows}.jsonl`);
  return await once(path, async () => {
    const args = [
      "run",
      "-A",
      `${HERE}prepare_data.ts`,
      "make",
      `${rows}`,
      path,
      seeds,
    ];
    await new Deno.Command(Deno.execPath(), { args }).output();
  });
}

/** The folder of GPT-2's tokenizer. */
export function tokenizerFolder(): string {
  const folder = testData("tokenizers/gpt2");
  if (folder === null) {
    throw new Error("GPT-2's tokenizer is absent (DENOTUNE_TEST_DATA)");
  }
  return folder;
}

/** Rows to ids and weights; work is tokens. Processor time and memory are those of the whole process. */
export async function prepare(workers: number): Promise<Measured> {
  const args = [
    "run",
    "-A",
    `${HERE}prepare_data.ts`,
    "run",
    await rowsFile(PREPARED_ROWS),
    tokenizerFolder(),
    `${workers}`,
  ];
  return asMeasured(await child(Deno.execPath(), { args }));
}

/**
 * What two threads could give: two processes at the same time, each prepares half of the rows with one thread. The time
 * is that of the slower one.
 */
export async function prepareInTwo(): Promise<Measured> {
  const halves = await Promise.all([0, 1].map(async (half) => {
    const args = [
      "run",
      "-A",
      `${HERE}prepare_data.ts`,
      "run",
      await halfOfRows(half),
      tokenizerFolder(),
      "1",
    ];
    return asMeasured(await child(Deno.execPath(), { args }));
  }));
  const sum = (of: (half: Measured) => number) =>
    halves.reduce((all, half) => all + of(half), 0);
  return {
    work: sum(({ work }) => work),
    seconds: Math.max(...halves.map(({ seconds }) => seconds)),
    processor: sum(({ processor }) => processor),
    peak: sum(({ peak }) => peak),
  };
}

/** A file of every second row. */
async function halfOfRows(half: number): Promise<string> {
  const all = await rowsFile(PREPARED_ROWS);
  const path = kept(`rows-${PREPARED_ROWS}-half-${half}.jsonl`);
  return await once(path, async () => {
    const lines = (await Deno.readTextFile(all)).trimEnd().split("\n");
    const own = lines.filter((_, i) => i % 2 === half);
    await Deno.writeTextFile(path, `${own.join("\n")}\n`);
  });
}

function asMeasured(found: object): Measured {
  const value: {
    tokens?: number;
    seconds?: number;
    cpuSeconds?: number;
    peakMB?: number;
  } = found;
  return {
    work: value.tokens ?? NaN,
    seconds: value.seconds ?? NaN,
    processor: value.cpuSeconds ?? NaN,
    peak: (value.peakMB ?? NaN) * 1e6,
  };
}

/** Encodes the answers of the rows one after the other; work is tokens. */
export async function encode(): Promise<Measured> {
  const tokenizer = await loadTokenizer(tokenizerFolder());
  const texts = (await Deno.readTextFile(await rowsFile())).trim().split("\n")
    .map((line): string => JSON.parse(line).output);
  const before = process.cpuUsage();
  const start = performance.now();
  let work = 0;
  for (const text of texts) {
    work += tokenizer.encode(text, { addBos: false }).ids.length;
  }
  const seconds = (performance.now() - start) / 1000;
  const used = process.cpuUsage(before);
  return {
    work,
    seconds,
    processor: (used.user + used.system) / 1e6,
    peak: peakMemory(),
  };
}
