/**
 * Prints the hashes of the modules that are named, as JSON.
 * @module
 */
import { loadWithoutRunning } from "../../../../core/config/trust/load_without_running.ts";
import { hashGraph } from "../../../../core/config/trust/module_graph.ts";

const hashes: (string | null)[] = [];
for (const url of Deno.args) {
  await loadWithoutRunning(url);
  hashes.push((await hashGraph(url)).hash);
}
console.log(JSON.stringify(hashes));
