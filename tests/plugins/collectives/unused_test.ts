/** What a run without ranks does not load: modules of MPI, and its library. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { loadedWith } from "../../house/imports.ts";
import { testFolder } from "../../run_harness.ts";
import { LAUNCH_ENV, launchers, launching } from "./mpi/_launch.ts";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const SCRIPT = fileURLToPath(new URL("_libraries.ts", import.meta.url));
/** Libraries of Open MPI and MPICH, and what they bring. */
const MPI = /mpi|libucp|libucs|libpmix|libfabric|libopen-/;
const SETTINGS = [
  null,
  { use: "mpi", optimizer_sharding: true, gradient_dtype: "bfloat16" },
].map((parallel) => JSON.stringify(parallel));

Deno.test("the modules that speak to MPI are imported by ranks alone", async () => {
  const loaded = [...await loadedWith("plugins/mod.ts")].flatMap((url) =>
    url.split("/plugins/collectives/")[1] ?? []
  );
  assert.deepEqual(loaded.sort(), [
    "mod.ts",
    "mpi/launcher.ts",
    "mpi/ordered_sum.ts",
    "mpi/packed_floats.ts",
    "mpi/part.ts",
    "mpi/rehearse.ts",
    "mpi/workers.ts",
    "single.ts",
  ]);
});

/** Libraries of each process that has printed some. */
function printed(stdout: Uint8Array): string[][] {
  return new TextDecoder().decode(stdout).split("\n")
    .filter((line) => line.startsWith("["))
    .map((line) => JSON.parse(line));
}

Deno.test({
  name:
    "a run without a launcher has no library of MPI in its process, whatever parallel says",
  ignore: Deno.build.os !== "linux",
  async fn() {
    using folder = testFolder();
    const { stdout, stderr, success } = await new Deno.Command(
      Deno.execPath(),
      {
        args: ["run", "-A", "--no-check", SCRIPT, folder.path, ...SETTINGS],
        env: LAUNCH_ENV,
      },
    ).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const [libraries] = printed(stdout);
    assert.ok(libraries.some((name) => name.startsWith("libc.so")));
    assert.deepEqual(libraries.filter((name) => MPI.test(name)), []);
  },
});

for (const launcher of ALL && Deno.build.os === "linux" ? launchers() : []) {
  Deno.test(`a rank of ${launcher.name} has its library`, async () => {
    using folder = testFolder();
    const words = [SCRIPT, folder.path, "null"];
    const { stdout, stderr, success } = await launching(launcher, [
      words,
      words,
    ]).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const ranks = printed(stdout);
    assert.equal(ranks.length, 2);
    for (const libraries of ranks) {
      assert.ok(
        libraries.some((name) => /^libmpi/.test(name)),
        libraries.join(),
      );
    }
  });
}
