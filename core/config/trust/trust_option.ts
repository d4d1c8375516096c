/**
 * The option `trust` of the library.
 * @module
 */
import type { TrustPolicy, UntrustedPlugin } from "../../contracts/trust.ts";
import { toList } from "./decide_trust.ts";
import { entryFor } from "./trusted_list.ts";

/**
 * Which plugins may run that a run file names from outside its folder: `true`, all; a list of specifiers, folders and
 * hashes, as in the user's `trust.yaml`; or a function that is asked. Nothing is remembered.
 */
export type TrustOption =
  | true
  | readonly string[]
  | ((plugin: UntrustedPlugin) => boolean | Promise<boolean>);

/** The policy of an option; absent: only what the run's folder and the user's own list vouch for may run. */
export function trustPolicy(
  option: TrustOption | undefined,
): TrustPolicy | null {
  if (option === undefined) return null;
  return {
    shows: false,
    remembers: false,
    async refusal(plugin) {
      const accepts = option === true ||
        (typeof option === "function"
          ? await option(plugin)
          : entryFor(plugin, option) !== null);
      return accepts
        ? null
        : `The option \`trust\` does not accept it; let it, or ${
          toList(plugin)
        }`;
    },
  };
}

/** Options of a call that may load a run file. */
export interface WithTrust {
  /** Which plugins may run that a run file names from outside its folder; absent: those that the user trusts already. */
  readonly trust?: TrustOption;
}
