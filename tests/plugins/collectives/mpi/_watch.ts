/**
 * A rank whose watch ends as many milliseconds after the other's as are given: prints `ended`.
 *
 *     mpirun -n 2 deno run -A _watch.ts 700
 * @module
 */
import { launchedBy } from "../../../../plugins/collectives/mpi/launcher.ts";
import { openLibrary } from "../../../../plugins/collectives/mpi/library.ts";
import {
  finalize,
  initialize,
} from "../../../../plugins/collectives/mpi/process.ts";
import { RankWatch } from "../../../../plugins/collectives/mpi/rank_watch.ts";
import {
  type Request,
  Requests,
} from "../../../../plugins/collectives/mpi/requests.ts";

const TIMEOUT_MS = 20_000;
const launched = launchedBy((name) => Deno.env.get(name));
const library = openLibrary({ path: null, first: launched?.family ?? null });
const { functions, handles } = library;
initialize(library);
const rank = new Int32Array(1);
functions.MPI_Comm_rank(handles.world, rank);
const watch = await RankWatch.joining(TIMEOUT_MS);
watch.start({
  path: library.path,
  comm: handles.world,
  rank: rank[0],
  world: 2,
  labels: ["rank 0", "rank 1"],
  timeoutMs: TIMEOUT_MS,
});
const request: Request = new BigUint64Array(1);
functions.MPI_Ibarrier(handles.world, request);
await new Requests(library, watch.lost).done(request, [request.buffer]);
const after = rank[0] * Number(Deno.args[0]);
await new Promise((resolve) => setTimeout(resolve, after));
// an exit would wait for the watch
const giveUp = setTimeout(() => Deno.kill(Deno.pid, "SIGKILL"), TIMEOUT_MS);
await watch.stop();
clearTimeout(giveUp);
// one write, so that lines of ranks do not mix
Deno.stdout.writeSync(new TextEncoder().encode("ended\n"));
finalize(library, TIMEOUT_MS / 1000);
