/**
 * How fast rows become tokens: the run's own path (source, format, template, tokenizer, masker), without the
 * cache. Prints one line of JSON; `prepare_data.py` does the same work with Hugging Face's libraries.
 *
 * ```text
 * deno run -A tests/bench/prepare_data.ts make ROWS FILE [SEED_ROWS.json]     writes rows like alpaca's
 * deno run -A tests/bench/prepare_data.ts run FILE TOKENIZER_FOLDER [WORKERS]
 * ```
 * @module
 */
import { prepareRun } from "../../core/library/prepare.ts";
import { randomFrom } from "../../core/random.ts";
import { prepareOnly } from "./_prepare_run.ts";

const [what, ...rest] = Deno.args;
if (what === "make") await makeRows(rest[0], rest[1], rest[2]);
else if (what === "run") await prepare(rest[0], rest[1], rest[2] ?? "auto");
else throw new Error("Say `make` or `run`; see the head of this file");

/** Rows of a seed set with every eighth word exchanged, so that no two are the same. */
async function makeRows(count: string, path: string, seedPath: string) {
  const seeds: { instruction: string; input?: string; output: string }[] = JSON
    .parse(await Deno.readTextFile(seedPath));
  const words = [...new Set(seeds.flatMap((r) => r.output.split(" ")))];
  const random = randomFrom(1);
  const mix = (text: string) =>
    text.split(" ").map((w) =>
      random.below(8) === 0 ? words[random.below(words.length)] : w
    ).join(" ");
  using file = await Deno.create(path);
  const encoder = new TextEncoder();
  let text = "";
  for (let i = 0; i < Number(count); i++) {
    const row = seeds[random.below(seeds.length)];
    text += JSON.stringify({
      instruction: mix(row.instruction),
      input: row.input ?? "",
      output: mix(row.output),
    }) + "\n";
    if (text.length > 2 ** 20 || i === Number(count) - 1) {
      const bytes = encoder.encode(text);
      for (let at = 0; at < bytes.length;) {
        at += await file.write(bytes.subarray(at));
      }
      text = "";
    }
  }
}

async function prepare(path: string, tokenizer: string, workers: string) {
  const run = await prepareOnly({
    tokenizer,
    data: {
      train: [{ path, format: "alpaca" }],
      template: "alpaca",
      workers: workers === "auto" ? "auto" : Number(workers),
    },
  });
  const began = performance.now();
  using prepared = await prepareRun(run);
  const seconds = (performance.now() - began) / 1000;
  const { rows, tokens, trainedTokens } = prepared.data.train.report;
  console.log(JSON.stringify({
    workers,
    rows,
    tokens,
    trainedTokens,
    seconds: Number(seconds.toFixed(2)),
    rowsPerSecond: Math.round(rows / seconds),
    tokensPerSecond: Math.round(tokens / seconds),
    cpuSeconds: await cpuSeconds(),
    peakMB: await peakMB(),
  }));
}

/** Time that all threads of the process had a core, since it began: tells more than the clock where others run. */
async function cpuSeconds(): Promise<number | null> {
  const stat = await Deno.readTextFile("/proc/self/stat").catch(() => "");
  const [user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    .slice(11, 13).map(Number);
  return stat === "" ? null : (user + system) / 100;
}

/** Most memory that the process held at a time, MB; null where the system does not say. */
async function peakMB(): Promise<number | null> {
  const status = await Deno.readTextFile("/proc/self/status").catch(() => "");
  const found = /VmHWM:\s+(\d+) kB/.exec(status);
  return found === null ? null : Math.round(Number(found[1]) / 1000);
}
