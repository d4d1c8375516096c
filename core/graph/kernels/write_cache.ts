/**
 * Writes new keys or values behind those that a cache holds.
 * @module
 */
import { type Dim, product } from "../dims.ts";
import { INDEX, type KernelDefinition } from "./_definition.ts";

/** Attributes of `write_cache`. */
export interface WriteCacheAttributes {
  /** Rows of the batch. */
  readonly B: Dim;
  /** New tokens of a row. */
  readonly T: Dim;
  /** Rows of the cache. */
  readonly slots: number;
  /** Places of a row. */
  readonly capacity: number;
  /** Width of a place. */
  readonly columns: number;
}

/**
 * `cache (slots, capacity, columns), new (B*T, columns), lengths i32 (B), index i32 (B) -> cache`: row t of b is
 * written at place lengths[b] + t of slot index[b]; places beyond the capacity are dropped. Slots are distinct.
 */
export const writeCache: KernelDefinition<"write_cache", WriteCacheAttributes> =
  {
    name: "write_cache",
    operands: ({ B, T, slots, capacity, columns }) => ({
      inputs: [
        { name: "cache", shape: [slots, capacity, columns] },
        { name: "new", shape: [product([B, T]), columns] },
        { name: "lengths", shape: [B], dtypes: INDEX },
        { name: "index", shape: [B], dtypes: INDEX },
      ],
      outputs: [{
        name: "cache",
        shape: [slots, capacity, columns],
        mustShare: "cache",
      }],
    }),
    operations: ({ B, T, columns }, size) => size(B) * size(T) * columns,
  };
