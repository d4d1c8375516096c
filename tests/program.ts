/**
 * The command line's program as `mod.ts` starts it.
 * @module
 */
import type { Program } from "../core/contracts/command.ts";
import quickstart from "../examples/quickstart/run.ts";
import { builtIn } from "../plugins/library.ts";

/** Built-in parts and quickstart. */
export const program: Program = {
  builtIn,
  quickstart: () => Promise.resolve({ ...quickstart }),
};
