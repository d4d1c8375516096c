/**
 * The part that a run chooses at a key.
 * @module
 */
import type { Kind } from "../contracts/plugin.ts";
import type { LoadedRun } from "./load.ts";
import type { ResolvedChoice } from "./parts/choices.ts";

/**
 * The choice at a key, or null where it is `auto`, null or not in the run. Throws `TypeError` where
 * that key holds another kind of part.
 */
export function chosenAt<K extends Kind>(
  run: LoadedRun,
  kind: K,
  key: string,
): ResolvedChoice<K> | null {
  const choice = run.choices.get(key);
  if (choice === undefined) return null;
  if (!isOfKind(choice, kind)) {
    throw new TypeError(
      `\`${key}\` chooses a part of kind ${choice.kind}, not ${kind}`,
    );
  }
  return choice;
}

function isOfKind<K extends Kind>(
  choice: ResolvedChoice,
  kind: K,
): choice is ResolvedChoice<K> {
  return choice.kind === kind;
}
