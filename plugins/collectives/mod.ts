/**
 * The built-in collectives.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { mpi } from "./mpi/part.ts";
import { single } from "./single.ts";

export { workers } from "./mpi/workers.ts";

/** Every part of this folder. */
export const collectives: readonly AnyPart[] = [mpi, single];
