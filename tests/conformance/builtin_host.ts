/**
 * A host that makes the built-in parts: for tests of a part that wraps another.
 * @module
 */
import { creatingWith, type Host, openRegistry } from "@denotune/denotune/core";
import { builtIn } from "../../plugins/library.ts";

/** The host of a run without model and tokenizer, whose `create` makes the built-in parts. */
export async function builtinHost(): Promise<Host> {
  return creatingWith(await openRegistry(builtIn)).host;
}
