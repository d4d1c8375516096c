import assert from "node:assert/strict";
import { launchedBy } from "../../../../plugins/collectives/mpi/launcher.ts";
import { mpi } from "../../../../plugins/collectives/mpi/part.ts";
import { builtinRegistry } from "../../../run_harness.ts";
import { loadRun } from "../../../../core/config/load.ts";
import { testHost } from "../../../conformance/host.ts";

for (
  const [what, env, found] of [
    ["nothing", {}, null],
    ["Open MPI's mpirun", { OMPI_COMM_WORLD_SIZE: "4" }, [4, "Open MPI"]],
    ["mpirun with one rank", { OMPI_COMM_WORLD_SIZE: "1" }, null],
    ["MPICH's mpiexec", { PMI_SIZE: "3" }, [3, "MPICH"]],
    ["srun", { SLURM_STEP_NUM_TASKS: "8" }, [8, null]],
    [
      "srun with PMI",
      { PMI_SIZE: "8", SLURM_STEP_NUM_TASKS: "8" },
      [8, null],
    ],
    ["a script of sbatch", { SLURM_NTASKS: "8" }, null],
    ["a word", { PMI_SIZE: "many" }, null],
  ] as readonly [
    string,
    Record<string, string>,
    readonly [number, string | null] | null,
  ][]
) {
  Deno.test(`the environment of ${what} says how many ranks there are`, () => {
    const launched = launchedBy((name) => env[name]);
    assert.deepEqual(
      launched === null ? null : [launched.world, launched.family],
      found,
    );
  });
}

Deno.test({
  name: "without a launcher mpi is one process, and loads no library",
  permissions: { ffi: false, env: true },
  async fn() {
    const made = await mpi.create({
      optimizer_sharding: true,
      gradient_dtype: "bfloat16",
      compression: "auto",
      timeout_seconds: 15,
      library: "/there/is/none.so",
    }, testHost());
    assert.deepEqual([made.rank, made.world], [0, 1]);
  },
});

Deno.test("parallel: {optimizer_sharding: true} is mpi's", async () => {
  const run = async (parallel: unknown) =>
    await loadRun({
      object: {
        model: { from_config: {} },
        data: { train: [{ rows: [{ text: "a" }], format: "text" }] },
        output_dir: "out",
        parallel: parallel as never,
      },
      registry: builtinRegistry(),
    });
  const { config } = await run({ optimizer_sharding: true });
  assert.deepEqual(config.parallel, {
    use: "mpi",
    optimizer_sharding: true,
    gradient_dtype: "float32",
    compression: "auto",
    timeout_seconds: 15,
    library: null,
  });
  await assert.rejects(run({ optimizer_shardin: true }), /optimizer_sharding/);
  await assert.rejects(run({}), /does not say which collective/);
});
