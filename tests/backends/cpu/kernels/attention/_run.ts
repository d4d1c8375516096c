/** Attention and its gradient on a device, over made-up numbers. */
import type {
  AttentionAttributes,
  Device,
  KernelAttributes,
  View,
} from "@denotune/denotune/core";

/** What attention and its gradient give. */
export type Results = Record<"out" | "lse" | "dQ" | "dK" | "dV", Float32Array>;

/** Literal sizes of a case. */
export type Sizes = Partial<AttentionAttributes> & {
  readonly B: number;
  readonly T: number;
  readonly heads: number;
  readonly kvHeads: number;
};

/** Attributes with the usual ones filled in. */
export function attributesOf(sizes: Sizes): KernelAttributes["attention"] {
  return {
    headDim: 32,
    causal: true,
    scale: 0.2,
    window: null,
    softcap: null,
    ...sizes,
  };
}

/** What attention and its gradient are of. */
export type Inputs = Record<
  "queries" | "keys" | "values" | "dOut",
  Float32Array
>;

/** Numbers up to 1, the same in all rows of the batch. */
function madeUp(sizes: Sizes): Inputs {
  const { B, T, heads, kvHeads } = sizes;
  const { headDim } = attributesOf(sizes);
  const numbers = (columns: number, seed: number) =>
    Float32Array.from(
      { length: B * T * columns },
      (_, i) => Math.sin(seed * (i % (T * columns)) + 1),
    );
  const [width, kvWidth] = [heads * headDim, kvHeads * headDim];
  return {
    queries: numbers(width, 1.3),
    keys: numbers(kvWidth, 2.1),
    values: numbers(kvWidth, 0.7),
    dOut: numbers(width, 0.3),
  };
}

/**
 * Runs both kernels over `inputs`, or over made-up ones: all rows of the batch have equal numbers then, changed by
 * `prepare` for the queries and keys. Segments by `segmentOf` a position.
 */
export async function runAttention(device: Device, sizes: Sizes, given: {
  readonly inputs?: Inputs;
  readonly prepare?: (queries: Float32Array, keys: Float32Array) => void;
  readonly segmentOf?: (position: number) => number;
}): Promise<Results> {
  const { B, T, heads, kvHeads } = sizes;
  const attributes = attributesOf(sizes);
  const segmentOf = given.segmentOf ?? (() => 1);
  const view = (columns: number, data?: Float32Array | Int32Array): View => {
    const buffer = device.allocate(4 * B * T * columns, "tensor");
    if (data !== undefined) device.write(buffer, data);
    const dtype = data instanceof Int32Array ? "i32" : "f32";
    return { buffer, offset: 0, shape: [B * T, columns], dtype };
  };
  const width = heads * attributes.headDim;
  const kvWidth = kvHeads * attributes.headDim;
  const { queries, keys, values, dOut: slopes } = given.inputs ?? madeUp(sizes);
  given.prepare?.(queries, keys);
  const inputs = [
    view(width, queries),
    view(kvWidth, keys),
    view(kvWidth, values),
    view(1, Int32Array.from({ length: B * T }, (_, i) => segmentOf(i % T))),
  ];
  const dOut = view(width, slopes);
  const [out, lse] = [view(width), view(heads)];
  const [dQ, dK, dV] = [view(width), view(kvWidth), view(kvWidth)];
  const program = await device.compile({
    name: "attention",
    capacities: {},
    segments: [{
      calls: [
        {
          kernel: "attention",
          label: "test",
          attributes,
          inputs,
          outputs: [out, lse],
        },
        {
          kernel: "attention_backward",
          label: "test",
          attributes,
          inputs: [...inputs, out, lse, dOut],
          outputs: [dQ, dK, dV],
        },
      ],
    }],
  });
  device.run(program, {});
  const read = async ({ buffer, shape }: View) =>
    new Float32Array(await device.read(buffer, 0, 4 * T * Number(shape[1])));
  return {
    out: await read(out),
    lse: await read(lse),
    dQ: await read(dQ),
    dK: await read(dK),
    dV: await read(dV),
  };
}
