/**
 * Two ranks of one core each in network namespaces whose link is held to a rate (Linux, as root; ip, tc, taskset,
 * Open MPI): seconds of a step of one rank, of two, of torch DDP with gloo on the same link, and of `check --ranks`.
 * The four run in turn, as often as asked: times are medians over the steps of all rounds, and an efficiency is the
 * median of the rounds' own, because a machine that others use is faster in one minute than in the next.
 *
 *     deno task bench ranks [RATE ...] [full] [lora] [--rounds 1]        100mbit and 1gbit, full and lora
 * @module
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Hosts, sh } from "../network_namespaces.ts";
import { ranksRun } from "./_ranks_run.ts";

/** Steps of a run; the first are left out. */
const STEPS = 6;
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const folder = Deno.makeTempDirSync({ prefix: "denotune-ranks-" });

const DENO = `${Deno.execPath()} run -A --no-check`;
/** The seconds that rank 0 printed. */
function secondsIn(text: string): number[] {
  const line = text.split("\n").find((one) => one.startsWith("{")) ?? "{}";
  return JSON.parse(line).seconds ?? [];
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[half]
    : (sorted[half - 1] + sorted[half]) / 2;
}

/** Seconds of a step with one rank of ours, or with one on each host. */
async function ours(kind: string, hosts: Hosts | null): Promise<number[]> {
  const train = `${DENO} ${
    here("_ranks_run.ts")
  } ${folder}/${crypto.randomUUID()} ${kind} ${STEPS}`;
  if (hosts === null) {
    return secondsIn(await sh(["sh", "-c", `taskset -c 0 ${train}`]));
  }
  const { success, stdout, stderr } = await hosts.command(
    "mpirun.openmpi",
    `sh -c 'exec taskset -c $OMPI_COMM_WORLD_RANK ${train}'`,
  ).output();
  const text = new TextDecoder().decode(stdout);
  if (!success) throw new Error(text + new TextDecoder().decode(stderr));
  return secondsIn(text);
}

/** Seconds of a step of torch DDP with one rank on each of the first hosts. */
async function gloo(
  kind: string,
  world: number,
  { names, addresses }: Hosts,
): Promise<number[]> {
  const ranks = names.slice(0, world).map((host, rank) =>
    sh(
      `ip netns exec ${host} taskset -c ${rank} python3 ${
        here("ranks_gloo.py")
      } ${kind} ${STEPS}`.split(" "),
      {
        RANK: String(rank),
        WORLD_SIZE: String(world),
        MASTER_ADDR: addresses[0],
        MASTER_PORT: "29511",
        GLOO_SOCKET_IFNAME: "eth0",
        OMP_NUM_THREADS: "1",
      },
    )
  );
  return secondsIn((await Promise.all(ranks))[0]);
}

/** Seconds of a step as `check` estimates them. */
async function estimated(kind: string, rate: string): Promise<number> {
  const { data, ...run } = ranksRun(`${folder}/checked`, {
    kind,
    steps: STEPS,
  });
  const [source] = data.train;
  const rows = "rows" in source ? source.rows ?? [] : [];
  Deno.writeTextFileSync(
    `${folder}/rows.jsonl`,
    rows.map((row) => JSON.stringify(row)).join("\n"),
  );
  Deno.writeTextFileSync(
    `${folder}/run.json`,
    JSON.stringify({
      ...run,
      data: {
        ...data,
        train: [{ path: `${folder}/rows.jsonl`, format: "text" }],
      },
    }),
  );
  const mod = here("../../mod.ts");
  const out = await sh([
    "sh",
    "-c",
    `taskset -c 0 ${DENO} ${mod} check ${folder}/run.json --ranks 2 --network ${rate}`,
  ]);
  return Number(/: (\S+) s a step/.exec(out)?.[1]);
}

const { values: { rounds }, positionals } = parseArgs({
  args: Deno.args,
  options: { rounds: { type: "string", default: "1" } },
  allowPositionals: true,
});
const chosen = (of: readonly string[], isOne: (word: string) => boolean) => {
  const found = positionals.filter(isOne);
  return found.length > 0 ? found : of;
};
const KINDS = ["full", "lora"];
const rates = chosen(["100mbit", "1gbit"], (word) => !KINDS.includes(word));
const kinds = chosen(KINDS, (word) => KINDS.includes(word));
console.log(
  "| link | trained | one rank | two ranks | efficiency | torch, one | torch with gloo, two | efficiency | `check` | of two ranks |",
);
try {
  await using hosts = new Hosts();
  for (const rate of rates) {
    await hosts.link(rate);
    for (const kind of kinds) {
      const rows: number[][][] = []; // of each round: one rank, two, torch with one, with two
      for (let i = 0; i < Number(rounds); i++) {
        rows.push([
          await ours(kind, null),
          await ours(kind, hosts),
          await gloo(kind, 1, hosts),
          await gloo(kind, 2, hosts),
        ]);
      }
      const [one, two, torch, peer] = [0, 1, 2, 3].map((k) =>
        median(rows.flatMap((row) => row[k]))
      );
      const estimate = await estimated(kind, rate);
      const seconds = (s: number) => `${s.toFixed(2)} s`;
      const percent = (part: number) => `${(100 * part).toFixed(1)}%`;
      const efficiency = (k: number) =>
        percent(
          median(rows.map((row) => median(row[k]) / 2 / median(row[k + 1]))),
        );
      const cells = [
        seconds(one),
        seconds(two),
        efficiency(0),
        seconds(torch),
        seconds(peer),
        efficiency(2),
        seconds(estimate),
        percent(estimate / two),
      ];
      console.log(`| ${rate} | ${kind} | ${cells.join(" | ")} |`);
    }
  }
} finally {
  Deno.removeSync(folder, { recursive: true });
}
