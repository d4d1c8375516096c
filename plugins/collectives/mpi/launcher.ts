/**
 * What an MPI launcher says of a process in its environment. Nothing is loaded to find it out.
 *
 * | launcher                    | ranks                   | rank                  |
 * | --------------------------- | ----------------------- | --------------------- |
 * | Open MPI's `mpirun`         | `OMPI_COMM_WORLD_SIZE`  | `OMPI_COMM_WORLD_RANK`  |
 * | MPICH's, Intel's `mpiexec`  | `PMI_SIZE`              | `PMI_RANK`              |
 * | Slurm's `srun`              | `SLURM_STEP_NUM_TASKS`  | `SLURM_PROCID`          |
 * @module
 */

/** The two families of MPI libraries: which handles they have. */
export type Family = "Open MPI" | "MPICH";

/** How a process was launched. */
export interface Launched {
  /** Ranks that the launcher has started. */
  readonly world: number;
  /** The library that belongs to the launcher; null: any. */
  readonly family: Family | null;
  /** The launcher, for people. */
  readonly launcher: string;
}

/** How this process was launched; null: by no launcher, or alone. */
export function launchedBy(
  env: (name: string) => string | undefined,
): Launched | null {
  const found: Launched[] = [
    {
      world: count(env("OMPI_COMM_WORLD_SIZE")),
      family: "Open MPI",
      launcher: "Open MPI's mpirun",
    },
    {
      world: count(env("PMI_SIZE")),
      // Slurm's own PMI sets it too, for whichever library is installed
      family: env("SLURM_STEP_NUM_TASKS") === undefined ? "MPICH" : null,
      launcher: "mpiexec",
    },
    // of a step, not of the job: the script of `sbatch` itself is one process
    {
      world: count(env("SLURM_STEP_NUM_TASKS")),
      family: null,
      launcher: "srun",
    },
  ];
  return found.find(({ world }) => world > 1) ?? null;
}

function count(text: string | undefined): number {
  const n = Number(text ?? 1);
  return Number.isInteger(n) ? n : 1;
}
