/**
 * What isolation costs: the same plugin prepares the same rows in this process and in one of its own, alternately.
 * Prints one line of JSON a run, then the medians and their ratios.
 *
 * ```text
 * deno run -A tests/bench/isolated_data.ts FILE TOKENIZER_FOLDER [PARTS] [WORKERS] [RUNS]
 * ```
 *
 * `PARTS`: `source`, `format`, `template`, `masker`, joined by `+`; the others are denotune's own. The file: see
 * `prepare_data.ts make`.
 * @module
 */
import { fileURLToPath } from "node:url";
import { prepareRun } from "../../core/library/prepare.ts";
import { prepareOnly } from "./_prepare_run.ts";

const [file, tokenizer, parts = "masker", workers = "1", runs = "5"] =
  Deno.args;

/** What a run took. */
interface Took {
  /** From the loaded run to the prepared rows. */
  readonly seconds: number;
  /** Of all threads of this process and of the plugin's. */
  readonly cpuSeconds: number;
  readonly rowsPerSecond: number;
  readonly trainedTokens: number;
}

if (Deno.args[5] === undefined) await compare();
else console.log(JSON.stringify(await prepare(Deno.args[5] === "isolated")));

async function compare(): Promise<void> {
  const took: Record<string, Took[]> = { trusted: [], isolated: [] };
  for (let run = 0; run < Number(runs); run++) {
    for (const how of ["trusted", "isolated"]) {
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "-A",
          fileURLToPath(import.meta.url),
          ...[file, tokenizer, parts, workers, runs, how],
        ],
        stderr: "inherit",
      }).output();
      const text = new TextDecoder().decode(stdout).trim();
      console.log(how, text);
      took[how].push(JSON.parse(text));
    }
  }
  const [trusted, isolated] = ["trusted", "isolated"].map((how) => ({
    seconds: median(took[how].map(({ seconds }) => seconds)),
    cpuSeconds: median(took[how].map(({ cpuSeconds }) => cpuSeconds)),
  }));
  console.log(JSON.stringify({
    parts,
    workers,
    wall: Number((isolated.seconds / trusted.seconds).toFixed(3)),
    cpu: Number((isolated.cpuSeconds / trusted.cpuSeconds).toFixed(3)),
  }));
}

async function prepare(isolated: boolean): Promise<Took> {
  const own = (part: string, otherwise: string) =>
    parts.split("+").includes(part) ? `bench-${part}` : otherwise;
  const run = await prepareOnly({
    tokenizer,
    plugins: [{
      use: fileURLToPath(new URL("./_isolated_plugin.ts", import.meta.url)),
      isolated,
    }],
    data: {
      train: [{
        path: file,
        source: own("source", "auto"),
        format: own("format", "alpaca"),
      }],
      template: own("template", "alpaca"),
      masker: own("masker", "completion-only"),
      workers: Number(workers),
    },
  });
  const cpuBefore = cpuSeconds();
  const began = performance.now();
  using prepared = await prepareRun(run);
  const seconds = (performance.now() - began) / 1000;
  const { rows, trainedTokens } = prepared.data.train.report;
  return {
    seconds: Number(seconds.toFixed(3)),
    cpuSeconds: Number((cpuSeconds() - cpuBefore).toFixed(2)),
    rowsPerSecond: Math.round(rows / seconds),
    trainedTokens,
  };
}

/** Processor time of this process and of those that it started and that run. */
function cpuSeconds(): number {
  let ticks = 0;
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = Deno.readTextFileSync(`/proc/${name}/stat`);
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const isOurs = Number(name) === Deno.pid ||
        Number(fields[1]) === Deno.pid;
      if (!isOurs) continue;
      ticks += Number(fields[11]) + Number(fields[12]);
      // processes of workers have ended when the rows are there
      if (Number(name) === Deno.pid) {
        ticks += Number(fields[13]) + Number(fields[14]);
      }
    } catch {
      // it has ended
    }
  }
  return ticks / 100;
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
