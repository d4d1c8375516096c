/**
 * @module
 */
import type { RowPlan } from "../contracts/collator.ts";
import { PluginError } from "../contracts/errors.ts";

/** Refuses a plan that does not have every example exactly once, from any collator. */
export function checkPlan(
  { offsets, members }: RowPlan,
  examples: number,
): void {
  const fail = (what: string): never => {
    throw new PluginError(
      `The collator's plan ${what}; every example must be in it exactly once`,
    );
  };
  if (members.length !== examples) {
    fail(`has ${members.length} examples of ${examples}`);
  }
  if (
    offsets.length < 2 || offsets[0] !== 0 ||
    offsets[offsets.length - 1] !== examples
  ) {
    fail("has rows that do not cover it");
  }
  for (let r = 1; r < offsets.length; r++) {
    if (offsets[r] <= offsets[r - 1]) fail(`has an empty row, ${r - 1}`);
  }
  const seen = new Uint8Array(examples);
  for (const member of members) {
    if (member >= examples || seen[member] === 1) {
      fail(`has example ${member} twice, or there is no such example`);
    }
    seen[member] = 1;
  }
}
