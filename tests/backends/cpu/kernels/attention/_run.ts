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

/**
 * Runs both kernels. All rows of the batch have equal numbers, changed by `prepare` for the queries and keys, and
 * segments by `segmentOf` a position.
 */
export async function runAttention(device: Device, sizes: Sizes, given: {
  readonly prepare?: (queries: Float32Array, keys: Float32Array) => void;
  readonly segmentOf?: (position: number) => number;
}): Promise<Results> {
  const { B, T, heads, kvHeads } = sizes;
  const attributes = attributesOf(sizes);
  const { headDim } = attributes;
  const segmentOf = given.segmentOf ?? (() => 1);
  const view = (columns: number, data?: Float32Array | Int32Array): View => {
    const buffer = device.allocate(4 * B * T * columns, "tensor");
    if (data !== undefined) device.write(buffer, data);
    const dtype = data instanceof Int32Array ? "i32" : "f32";
    return { buffer, offset: 0, shape: [B * T, columns], dtype };
  };
  const numbers = (columns: number, seed: number) =>
    Float32Array.from(
      { length: B * T * columns },
      (_, i) => Math.sin(seed * (i % (T * columns)) + 1),
    );
  const [width, kvWidth] = [heads * headDim, kvHeads * headDim];
  const queries = numbers(width, 1.3), keys = numbers(kvWidth, 2.1);
  given.prepare?.(queries, keys);
  const inputs = [
    view(width, queries),
    view(kvWidth, keys),
    view(kvWidth, numbers(kvWidth, 0.7)),
    view(1, Int32Array.from({ length: B * T }, (_, i) => segmentOf(i % T))),
  ];
  const dOut = view(width, numbers(width, 0.3));
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
