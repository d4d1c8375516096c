/**
 * Ours and theirs, one after the other, each in a process of its own: tokens a second by the clock and by processor
 * time, peak memory, ratios (the median of the rounds' own ratios, so that a noisy moment touches both), and the
 * share of what the products alone would allow. Installs nothing: a peer that is missing is a line that says so.
 *
 *     deno task bench peers [ROW ...] [--rounds 5] [--json FILE] [--profile]
 *
 * A row is chosen by its name or by how it begins (`decode`); without rows, all are run, which takes hours.
 * `--profile` runs only ours, once, and prints its kernels.
 * @module
 */
import { PYTHON, ROWS } from "./peers/rows.ts";
import {
  child,
  type Measured,
  type Peer,
  type PeerOptions,
  type Row,
} from "./peers/row.ts";

const flag = (name: string) => Deno.args.includes(`--${name}`);
const option = (name: string) =>
  flag(name) ? Deno.args[Deno.args.indexOf(`--${name}`) + 1] : undefined;
const chosen = Deno.args.filter((arg, i) =>
  !arg.startsWith("--") && !/^--(rounds|json)$/.test(Deno.args[i - 1] ?? "")
);

/** What a child of this program measures: a row, and which of its peers (-1: ours). */
const asked = option("child");
if (asked !== undefined) {
  const row = ROWS.find(({ name }) => name === asked);
  const peer = row?.peers[Number(option("peer") ?? -1)];
  const measure = peer === undefined ? row?.ours : peer.ours;
  if (measure === undefined) throw new Error(`no row ${asked}`);
  console.log(JSON.stringify(await measure()));
  Deno.exit(0);
}

const rows = ROWS.filter(({ name }) =>
  chosen.length === 0 || chosen.some((c) => name.startsWith(c))
);
if (rows.length === 0) {
  console.log(
    `No row begins like that. Rows: ${ROWS.map(({ name }) => name).join(", ")}`,
  );
  Deno.exit(2);
}
if (flag("profile")) {
  for (const { name } of rows) {
    await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        import.meta.filename ?? "",
        "--child",
        name,
        "--profile",
      ],
      stdout: "inherit",
      stderr: "inherit",
    }).output();
  }
  Deno.exit(0);
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[values.length >> 1];
const processorOf = (m: Measured) => m.processor / m.work;
const clockOf = (m: Measured) => m.seconds / m.work;

async function run(
  row: Row,
  index: number,
): Promise<Measured | { readonly missing: string }> {
  const peer: Peer | undefined = row.peers[index];
  if (peer?.python !== undefined) {
    const [command, given] = peer.python;
    let options: PeerOptions;
    try {
      options = typeof given === "function" ? await given() : given;
    } catch (error) {
      return { missing: error instanceof Error ? error.message : `${error}` };
    }
    return await child("python3", {
      args: [PYTHON, command, JSON.stringify(options)],
      environment: peer.environment,
    });
  }
  const args = [
    "run",
    "-A",
    import.meta.filename ?? "",
    "--child",
    row.name,
    "--peer",
    `${index}`,
  ];
  return await child(Deno.execPath(), {
    args,
    environment: peer?.environment,
  });
}

const digits = (x: number) => x >= 100 ? x.toFixed(0) : x.toPrecision(3);
const line = (cells: readonly string[]) =>
  cells.map((cell, i) =>
    i < 2
      ? cell.padEnd([26, 20][i])
      : cell.padStart([0, 0, 18, 10, 12, 10, 10, 8][i])
  ).join(" ");

console.log(
  line([
    "row",
    "who",
    "by the clock",
    "processor",
    "peak",
    "ratio",
    "ratio (p)",
    "floor",
  ]),
);
const report: Record<string, unknown>[] = [];
for (const row of rows) {
  const names = ["ours", ...row.peers.map(({ name }) => name)];
  const found: Measured[][] = names.map(() => []);
  const missing = new Map<number, string>();
  for (let round = 0; round < Number(option("rounds") ?? 5); round++) {
    for (const [i] of names.entries()) {
      if (missing.has(i)) continue;
      const measured = await run(row, i - 1);
      if ("missing" in measured) missing.set(i, measured.missing);
      else found[i].push(measured);
    }
  }
  for (const [i, name] of names.entries()) {
    const reason = missing.get(i);
    if (reason !== undefined) {
      console.log(line([row.name, name, `not installed: ${reason}`]));
      report.push({ row: row.name, who: name, missing: reason });
      continue;
    }
    const own = found[0];
    // how many times as fast we are
    const ratio = (of: (m: Measured) => number) =>
      median(found[i].map((m, r) => of(m) / of(own[r])));
    const clock = median(found[i].map(clockOf));
    const processor = median(found[i].map(processorOf));
    const share = median(found[i].map((m) => (m.floor ?? NaN) / m.seconds));
    const peak = median(found[i].map((m) => m.peak));
    const figure = row.unit === "s" ? clock : 1 / clock;
    report.push({
      row: row.name,
      who: name,
      unit: row.unit,
      clock: figure,
      processor: row.unit === "s" ? processor : 1 / processor,
      peakMB: peak / 1e6,
      ...(i === 0
        ? {}
        : { clockRatio: ratio(clockOf), processorRatio: ratio(processorOf) }),
      ...(Number.isNaN(share)
        ? {}
        : { floor: figure / share, floorShare: share }),
    });
    console.log(line([
      row.name,
      name,
      `${digits(figure)} ${row.unit}`,
      digits(row.unit === "s" ? processor : 1 / processor),
      `${(peak / 1e6).toFixed(0)} MB`,
      i === 0 ? "" : digits(ratio(clockOf)),
      i === 0 ? "" : digits(ratio(processorOf)),
      Number.isNaN(share) ? "" : `${(100 * share).toFixed(0)}%`,
    ]));
  }
}
const json = JSON.stringify(
  { when: new Date().toISOString(), processor: processorName(), rows: report },
  null,
  1,
);
const file = option("json");
if (file === undefined) console.log(json);
else await Deno.writeTextFile(file, json);

function processorName(): string {
  try {
    return /model name\s*: (.*)/.exec(Deno.readTextFileSync("/proc/cpuinfo"))
      ?.[1] ?? Deno.build.arch;
  } catch {
    return Deno.build.arch;
  }
}
