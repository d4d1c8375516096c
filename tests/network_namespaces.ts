/**
 * Two hosts on one machine: network namespaces that are joined by a link of a rate (Linux, as root; ip, tc, taskset).
 * @module
 */
import { join } from "node:path";

/** Launchers that start a rank on each host. */
export type HostedLauncher = "mpirun.openmpi" | "mpirun.mpich";

/** Runs a command; what it printed. Throws what it said where it fails. */
export async function sh(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { stdout, stderr, success } = await new Deno.Command(words[0], {
    args: words.slice(1),
    env: { NO_COLOR: "1", ...env },
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (!success) throw new Error(text + new TextDecoder().decode(stderr));
  return text;
}

/** Whether this machine and user can have them. */
export async function haveNamespaces(): Promise<boolean> {
  const name = `dn${Deno.pid}t`;
  try {
    await sh(["ip", "netns", "add", name]);
    await sh(["ip", "netns", "del", name]);
    await sh(["tc", "-V"]);
    return true;
  } catch {
    console.log("skipped: network namespaces need Linux, root, ip and tc");
    return false;
  }
}

/** Two hosts and their link; disposing of them removes both. */
export class Hosts implements AsyncDisposable {
  /** Names of the hosts, which differ between processes. */
  readonly names: readonly string[] = [0, 1].map((i) =>
    `dn${Deno.pid}${"ab"[i]}`
  );
  /** Addresses of the hosts on the link. */
  readonly addresses: readonly string[] = [1, 2].map((i) => `10.77.0.${i}`);
  readonly #folder = Deno.makeTempDirSync({ prefix: "denotune-hosts-" });

  /** Joins the two by a link of a rate each way, such as `100mbit`. */
  async link(rate: string): Promise<void> {
    await this.#unlink();
    for (const name of this.names) await sh(["ip", "netns", "add", name]);
    const [a, b] = this.names;
    await sh(
      `ip link add eth0 netns ${a} type veth peer name eth0 netns ${b}`
        .split(" "),
    );
    for (const [i, name] of this.names.entries()) {
      const lines = [
        `ip -n ${name} addr add ${this.addresses[i]}/24 dev eth0`,
        `ip -n ${name} link set eth0 up`,
        `ip -n ${name} link set lo up`,
        `tc -n ${name} qdisc add dev eth0 root tbf rate ${rate} burst 64kb latency 50ms`,
      ];
      for (const line of lines) await sh(line.split(" "));
    }
    for (const name of this.names) await this.#isUp(name);
  }

  /** Waits until the link carries: MPI refuses a device that the kernel still calls down, for up to a second. */
  async #isUp(name: string): Promise<void> {
    const words = `ip netns exec ${name} cat /sys/class/net/eth0/operstate`
      .split(" ");
    while ((await sh(words)).trim() !== "up") {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Cuts the link. */
  async cut(): Promise<void> {
    await sh(["ip", "-n", this.names[1], "link", "set", "eth0", "down"]);
  }

  /** The command that starts a rank of a command line on each host. */
  command(launcher: HostedLauncher, line: string): Deno.Command {
    const agent = join(this.#folder, "agent.sh");
    const [first] = this.names;
    const ofAddress = this.addresses.map((address, i) =>
      `${address}) host=${this.names[i]};;`
    ).join(" ");
    // stands for ssh: each namespace is a host with a name of its own
    Deno.writeTextFileSync(
      agent,
      `#!/bin/sh
while [ "\${1#-}" != "$1" ]; do shift; done
host=$1; shift
case $host in ${ofAddress} esac
exec ip netns exec $host unshare --uts sh -c "hostname $host; $*"
`,
      { mode: 0o755 },
    );
    const launch = launcher === "mpirun.openmpi"
      ? `mpirun.openmpi --mca plm_rsh_agent ${agent} --mca btl tcp,self --mca btl_tcp_if_include eth0 --mca oob_tcp_if_include eth0 --bind-to none --host ${
        this.names.map((name) => `${name}:1`).join(",")
      } -n 2 ${line}`
      : `mpirun.mpich -launcher ssh -launcher-exec ${agent} -iface eth0 -hosts ${
        this.addresses.join(",")
      } -n 2 ${line}`;
    return new Deno.Command("ip", {
      args: [
        ...`netns exec ${first} unshare --uts sh -c`.split(" "),
        `hostname ${first}; exec ${launch}`,
      ],
      env: {
        NO_COLOR: "1",
        DENO_NO_UPDATE_CHECK: "1",
        OMPI_ALLOW_RUN_AS_ROOT: "1",
        OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
        UCX_TLS: "tcp,self",
        UCX_NET_DEVICES: "eth0",
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }

  /** Ends all processes of the hosts. */
  async end(): Promise<void> {
    for (const name of this.names) {
      const pids = await sh(["ip", "netns", "pids", name]).catch(() => "");
      for (const pid of pids.split("\n").filter((line) => line !== "")) {
        try {
          Deno.kill(Number(pid), "SIGKILL");
        } catch {
          // it has ended meanwhile
        }
      }
    }
  }

  async #unlink(): Promise<void> {
    await this.end();
    for (const name of this.names) {
      await sh(["ip", "netns", "del", name]).catch(() => {});
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#unlink();
    Deno.removeSync(this.#folder, { recursive: true });
  }
}
