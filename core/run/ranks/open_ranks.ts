/**
 * Joins the ranks of a run, and refuses those that were started differently.
 * @module
 */
import { join } from "node:path";
import {
  createPart,
  createResolved,
  type Creating,
} from "../../config/parts/create_part.ts";
import { chosenAt } from "../../config/chosen_at.ts";
import type { LoadedRun } from "../../config/load.ts";
import { configData } from "../../config/resolved.ts";
import type { Collective } from "../../contracts/collective.ts";
import type { Json } from "../../contracts/json.ts";
import { isPlainObject } from "../../config/parse/tree.ts";
import { codeHash } from "../../data/cache/module_hash.ts";
import { VERSION } from "../../version.ts";
import { RESOLVED } from "../log/run_files.ts";
import { Ranks } from "./ranks.ts";

/** What joins processes where the run file does not say: one of a launcher, else nothing. */
const DEFAULT = "mpi";

/** Settings that each rank may have of its own: where it writes nothing, and what it computes on. */
const OWN: readonly string[] = [
  "output_dir",
  "backend",
  "memory_limit",
  "trackers",
];

/** The ranks of a run: `parallel`, or those of the launcher that started this process. */
export async function openRanks(
  run: LoadedRun,
  creating: Creating,
): Promise<Ranks> {
  return new Ranks(await openCollective(run, creating));
}

/** The collective of a run: that of `parallel`, else the one that looks for a launcher. */
export async function openCollective(
  run: LoadedRun,
  creating: Creating,
): Promise<Collective> {
  const chosen = chosenAt(run, "collective", "parallel");
  if (chosen !== null) return await createResolved(chosen, creating);
  const name = run.registry.find("collective", DEFAULT) === undefined
    ? "single"
    : DEFAULT;
  return await createPart("collective", name, creating);
}

/** What must be equal on all ranks before data are read. */
export async function settingsFacts(
  run: LoadedRun,
): Promise<Record<string, Json>> {
  const facts: Record<string, Json> = {
    "version of denotune": VERSION,
    "version of Deno": Deno.version.deno,
  };
  for (const { plugin, module } of run.registry.plugins()) {
    facts[`plugin ${plugin.name}`] = plugin.version ?? module;
  }
  const add = (value: Json, path: string): void => {
    if (OWN.includes(path)) return;
    if (!isPlainObject(value)) {
      facts[path] = value;
      return;
    }
    for (const [key, inner] of Object.entries(value)) {
      add(inner as Json, path === "" ? key : `${path}.${key}`);
    }
  };
  add(configData(run.config), "");
  // null where it cannot be known, as of a plugin that was given in code
  facts["code of denotune and its plugins (hash)"] = await codeHash(
    run.registry,
    [new URL(import.meta.url)],
  );
  return facts;
}

/** Whether this rank sees the run folder that rank 0 writes: the settings in it are of the same moment. */
export async function seesFolder(
  ranks: Ranks,
  outputDir: string,
): Promise<boolean> {
  if (!ranks.areSeveral) return true;
  const path = join(outputDir, RESOLVED);
  const first = await ranks.fromFirst(() => writtenAt(path));
  return first !== null && first === writtenAt(path);
}

function writtenAt(path: string): number | null {
  try {
    return Deno.statSync(path).mtime?.getTime() ?? null;
  } catch {
    return null;
  }
}
