/**
 * One rank of a test: checks the contract, then trains; each rank prints a line of JSON for each run.
 *
 *     mpirun -n 2 deno run -A _rank.ts FOLDER STEPS '{"optimizer_sharding": true}' full lora
 * @module
 */
import { createPart } from "../../../../mod.ts";
import { checkCollective } from "../../../conformance/collective.ts";
import { runConfig } from "../../../run_harness.ts";
import type { RankLine } from "./_lines.ts";
import { rankRun } from "./_runs.ts";

const [folder, steps, options, ...names] = Deno.args;
const collective = await createPart("collective", "mpi");
await checkCollective(collective);
await collective.close?.();
for (const name of names) {
  const { result, losses, of } = await runConfig({
    ...rankRun(name, { folder: `${folder}/${name}`, steps: Number(steps) }),
    parallel: { use: "mpi", ...JSON.parse(options) },
  });
  const { rank, weightsHash } = result;
  const line: RankLine = {
    name,
    rank,
    weightsHash: weightsHash ?? "",
    losses,
    states: of("start")[0].memory.optimizer,
  };
  // one write, so that lines of ranks do not mix
  Deno.stdout.writeSync(
    new TextEncoder().encode(`${JSON.stringify(line)}\n`),
  );
}
