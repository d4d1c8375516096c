/**
 * Starts ranks as processes, with each MPI that is installed.
 * @module
 */
import { fileURLToPath } from "node:url";

/** A launcher of an installed MPI. */
export interface Launcher {
  readonly name: "Open MPI" | "MPICH";
  readonly path: "mpirun.openmpi" | "mpirun.mpich";
  /** What stands before `-n`. */
  readonly flags: readonly string[];
}

/** What ranks printed, and how they ended. */
export interface Launched {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const KNOWN: readonly Launcher[] = [
  {
    name: "Open MPI",
    path: "mpirun.openmpi",
    flags: ["--oversubscribe", "--bind-to", "none"],
  },
  { name: "MPICH", path: "mpirun.mpich", flags: [] },
];

/** The launchers that are installed; says on a line of its own where there are none. */
export function launchers(): readonly Launcher[] {
  const found = KNOWN.filter(({ path }) => {
    try {
      return new Deno.Command(path, {
        args: ["--version"],
        stdout: "null",
        stderr: "null",
      }).outputSync().success;
    } catch {
      return false;
    }
  });
  if (found.length === 0) {
    console.log("skipped: no MPI is installed (Debian: openmpi-bin, mpich)");
  }
  return found;
}

/** Environment of a launcher: containers run tests as root. */
export const LAUNCH_ENV: Readonly<Record<string, string>> = {
  NO_COLOR: "1",
  DENO_NO_UPDATE_CHECK: "1",
  OMPI_ALLOW_RUN_AS_ROOT: "1",
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
};

/** The command that starts ranks, each with its own words behind `deno run`. */
export function launching(
  launcher: Launcher,
  ranks: readonly (readonly string[])[],
): Deno.Command {
  const args = ranks.flatMap((words, rank) => [
    ...(rank === 0 ? [] : [":"]),
    "-n",
    "1",
    Deno.execPath(),
    "run",
    "-A",
    "--no-check",
    ...words,
  ]);
  return new Deno.Command(launcher.path, {
    args: [...launcher.flags, ...args],
    env: LAUNCH_ENV,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** Runs a script of this folder as so many ranks, to its end. */
export async function launch(
  launcher: Launcher,
  world: number,
  args: readonly string[],
): Promise<Launched> {
  const [script, ...rest] = args;
  const words = [fileURLToPath(new URL(script, import.meta.url)), ...rest];
  const { code, stdout, stderr } = await launching(
    launcher,
    Array.from({ length: world }, () => words),
  ).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}
