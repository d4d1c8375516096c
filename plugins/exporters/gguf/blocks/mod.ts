/**
 * The ways to store numbers.
 * @module
 */
import type { BlockType } from "./block_type.ts";
import { bf16, f16, f32 } from "./plain.ts";
import { q4_k, q5_k } from "./k_min.ts";
import { q4_0, q5_0, q8_0 } from "./simple.ts";
import { q6_k } from "./q6_k.ts";

export type { BlockType } from "./block_type.ts";
export { bf16, f16, f32, q4_0, q4_k, q5_0, q5_k, q6_k, q8_0 };

/** All of them. */
export const BLOCK_TYPES: readonly BlockType[] = [
  f32,
  f16,
  bf16,
  q8_0,
  q4_0,
  q5_0,
  q4_k,
  q5_k,
  q6_k,
];
