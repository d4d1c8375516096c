/**
 * How each tensor is stored: llama.cpp's own choice, so that a file is the one that its `llama-quantize` makes.
 *
 * ```text
 * vectors, positions, small convolutions     float32
 * the head (or an embedding that is one)     q6_k, where not q8_0
 * q4_k_m: values (or one product for q, k    q6_k in the first and last eighth of the layers and every third between
 * and v), last projections of MLPs
 * q4_k_m: values of 80 layers                q5_k, where they would be q4_k: heads share them eight by eight
 * a row that is no multiple of 256           q4_k -> q5_0, q6_k -> q8_0; none of 32: float16
 * ```
 *
 * @module
 */
import {
  bf16,
  type BlockType,
  f16,
  f32,
  q4_0,
  q4_k,
  q5_0,
  q5_k,
  q6_k,
  q8_0,
} from "../blocks/mod.ts";

/** What `--quantization` takes, with the number by which llama.cpp names the mixture. */
export const QUANTIZATIONS = {
  f32: { type: f32, id: 0 },
  f16: { type: f16, id: 1 },
  bf16: { type: bf16, id: 32 },
  q8_0: { type: q8_0, id: 7 },
  q4_0: { type: q4_0, id: 2 },
  q4_k_m: { type: q4_k, id: 15 },
  q6_k: { type: q6_k, id: 18 },
} as const satisfies { [name: string]: { type: BlockType; id: number } };

/** A name of `--quantization`. */
export type Quantization = keyof typeof QUANTIZATIONS;

/** A tensor of the file, before its type is chosen. */
export interface TensorSizes {
  readonly name: string;
  readonly shape: readonly number[];
  readonly exact: boolean;
}

/** The type of each tensor. `tied`: the embedding is the head too. */
export function chooseTypes(
  tensors: readonly TensorSizes[],
  { quantization, tied, layers, isLarge = false }: {
    readonly quantization: Quantization;
    readonly tied: boolean;
    readonly layers: number;
    /** Whether llama.cpp takes it for a model of 70 billion weights. */
    readonly isLarge?: boolean;
  },
): ReadonlyMap<string, BlockType> {
  const { type } = QUANTIZATIONS[quantization];
  // llama.cpp counts values and last projections by the order of layers, not by their numbers
  const count = { values: 0, downs: 0 };
  const values = tensors.filter(({ name }) => isValues(name)).length;
  const more = (i: number, n: number) =>
    i < Math.floor(n / 8) || i >= Math.floor(7 * n / 8) ||
    (i - Math.floor(n / 8)) % 3 === 2;
  const byLayer = [...tensors].sort((a, b) =>
    layerOf(a.name) - layerOf(b.name)
  );
  return new Map(byLayer.map(({ name, shape, exact }) => {
    if (exact || shape.length < 2 || isPositions(name)) return [name, f32];
    if (type.size === 1) return [name, type];
    const columns = shape.at(-1) ?? 1;
    let chosen: BlockType = type;
    if (isHead(name, tied)) {
      if (columns % type.size !== 0) chosen = q8_0;
      else if (type !== q8_0) chosen = q6_k;
    } else if (isValues(name)) {
      if (type === q4_k && more(count.values, values)) chosen = q6_k;
      else if (type === q4_k && isLarge) chosen = q5_k;
      count.values++;
    } else if (/\.ffn_down\.weight$/.test(name)) {
      if (type === q4_k && more(count.downs, layers)) chosen = q6_k;
      count.downs++;
    }
    return [name, fitting(chosen, columns)];
  }));
}

/** What llama.cpp takes where a row is no multiple of the block. */
function fitting(type: BlockType, columns: number): BlockType {
  if (columns % type.size === 0) return type;
  const smaller = type === q4_k ? q5_0 : q8_0;
  return columns % smaller.size === 0 ? smaller : f16;
}

function isHead(name: string, tied: boolean): boolean {
  return name === "output.weight" || tied && name === "token_embd.weight";
}

function isValues(name: string): boolean {
  return /\.attn_(v|qkv)\.weight$/.test(name);
}

function isPositions(name: string): boolean {
  return name === "position_embd.weight";
}

function layerOf(name: string): number {
  return Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1);
}
