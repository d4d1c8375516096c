/**
 * Two ranks of one core each in network namespaces whose link is held to a rate (Linux, as root; ip, tc, taskset,
 * Open MPI): seconds of a step of one rank, of two, of torch DDP with gloo on the same link, and of `check --ranks`.
 *
 *     deno task bench ranks [RATE ...] [full] [lora]        100mbit and 1gbit, full and lora
 * @module
 */
import { fileURLToPath } from "node:url";
import { ranksRun } from "./_ranks_run.ts";

const HOSTS = ["dn0", "dn1"];
const STEPS = 5;
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const folder = Deno.makeTempDirSync({ prefix: "denotune-ranks-" });

/** Runs a command; what it printed. */
async function sh(words: readonly string[], env: Record<string, string> = {}) {
  const { stdout, stderr, success } = await new Deno.Command(words[0], {
    args: words.slice(1),
    env: { NO_COLOR: "1", ...env },
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (!success) throw new Error(text + new TextDecoder().decode(stderr));
  return text;
}

/** Joins two namespaces by a link of a rate each way. */
async function link(rate: string): Promise<void> {
  await unlink();
  for (const host of HOSTS) await sh(["ip", "netns", "add", host]);
  const [a, b] = HOSTS;
  await sh(
    `ip link add eth0 netns ${a} type veth peer name eth0 netns ${b}`
      .split(" "),
  );
  for (const [i, host] of HOSTS.entries()) {
    const lines = [
      `ip -n ${host} addr add 10.77.0.${i + 1}/24 dev eth0`,
      `ip -n ${host} link set eth0 up`,
      `ip -n ${host} link set lo up`,
      `tc -n ${host} qdisc add dev eth0 root tbf rate ${rate} burst 64kb latency 50ms`,
    ];
    for (const line of lines) await sh(line.split(" "));
  }
}

async function unlink(): Promise<void> {
  for (const host of HOSTS) {
    await sh(["ip", "netns", "del", host]).catch(() => {});
  }
}

const DENO = `${Deno.execPath()} run -A --no-check`;
const ALLOW_ROOT = {
  OMPI_ALLOW_RUN_AS_ROOT: "1",
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
};

/** Median of the seconds that rank 0 printed. */
function median(text: string): number {
  const line = text.split("\n").find((one) => one.startsWith("{")) ?? "{}";
  const seconds: number[] = JSON.parse(line).seconds ?? [];
  return seconds.toSorted((a, b) => a - b)[seconds.length >> 1] ?? NaN;
}

/** Seconds of a step with so many ranks of ours. */
async function ours(kind: string, world: number): Promise<number> {
  const train = `${DENO} ${
    here("_ranks_run.ts")
  } ${folder}/${crypto.randomUUID()} ${kind} ${STEPS}`;
  if (world === 1) {
    return median(await sh(["sh", "-c", `taskset -c 0 ${train}`]));
  }
  const agent = `${folder}/agent.sh`;
  // stands for ssh: each namespace is a host with a name of its own
  Deno.writeTextFileSync(
    agent,
    `#!/bin/sh\nhost=$1; shift\nexec ip netns exec $host unshare --uts sh -c "hostname $host; $*"\n`,
    { mode: 0o755 },
  );
  const launch =
    `mpirun --mca plm_rsh_agent ${agent} --mca btl tcp,self --mca btl_tcp_if_include eth0 --mca oob_tcp_if_include eth0 --bind-to none --host dn0:1,dn1:1 -n 2 sh -c 'exec taskset -c $OMPI_COMM_WORLD_RANK ${train}'`;
  return median(
    await sh([
      ..."ip netns exec dn0 unshare --uts sh -c".split(" "),
      `hostname dn0; ${launch}`,
    ], ALLOW_ROOT),
  );
}

/** Seconds of a step of torch DDP with so many ranks. */
async function gloo(kind: string, world: number): Promise<number> {
  const ranks = HOSTS.slice(0, world).map((host, rank) =>
    sh(
      `ip netns exec ${host} taskset -c ${rank} python3 ${
        here("ranks_gloo.py")
      } ${kind} ${STEPS}`.split(" "),
      {
        RANK: String(rank),
        WORLD_SIZE: String(world),
        MASTER_ADDR: "10.77.0.1",
        MASTER_PORT: "29511",
        GLOO_SOCKET_IFNAME: "eth0",
        OMP_NUM_THREADS: "1",
      },
    )
  );
  return median((await Promise.all(ranks))[0]);
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

const chosen = (of: readonly string[], isOne: (word: string) => boolean) => {
  const words = Deno.args.filter(isOne);
  return words.length > 0 ? words : of;
};
const KINDS = ["full", "lora"];
const rates = chosen(["100mbit", "1gbit"], (word) => !KINDS.includes(word));
const kinds = chosen(KINDS, (word) => KINDS.includes(word));
console.log(
  "| link | trained | one rank | two ranks | efficiency | torch, one | torch with gloo, two | efficiency | `check` | of two ranks |",
);
try {
  for (const rate of rates) {
    await link(rate);
    for (const kind of kinds) {
      const seconds = [
        await ours(kind, 1),
        await ours(kind, 2),
        await gloo(kind, 1),
        await gloo(kind, 2),
        await estimated(kind, rate),
      ];
      const [one, two, torch, peer, estimate] = seconds.map((s) =>
        `${s.toFixed(2)} s`
      );
      const percent = (part: number) => `${Math.round(100 * part)}%`;
      const cells = [
        one,
        two,
        percent(seconds[0] / 2 / seconds[1]),
        torch,
        peer,
        percent(seconds[2] / 2 / seconds[3]),
        estimate,
        percent(seconds[4] / seconds[1]),
      ];
      console.log(`| ${rate} | ${kind} | ${cells.join(" | ")} |`);
    }
  }
} finally {
  await unlink();
  Deno.removeSync(folder, { recursive: true });
}
