/** A plan in which steps depend on each other in many ways, and every kernel that adds up takes part. */
import { dim } from "../../../core/graph/dims.ts";
import {
  column,
  define,
  reduce,
  value,
} from "../../../core/graph/expression.ts";
import assert from "node:assert/strict";
import {
  type Device,
  input,
  type KernelCall,
  type Plan,
  random,
  randomFrom,
  type Shape,
  type View,
  write,
} from "@denotune/denotune/core";

/**
 * Rows and positions of the plan: a product of 64 x 64 over all of them, or of as many rows, is large enough for machine
 * code.
 */
export const B = 3, T = 90;
const HEADS = 4, KV_HEADS = 2, D = 16, C = HEADS * D;
const CAPACITIES = { B, T };

/** Buffers of a device, by name. */
export class Tensors {
  readonly #device: Device;
  readonly views = new Map<string, View>();
  constructor(device: Device) {
    this.#device = device;
  }

  of(name: string, shape: Shape, data?: Float32Array | Int32Array): View {
    const known = this.views.get(name);
    if (known !== undefined) return known;
    const elements = data?.length ??
      shape.reduce<number>(
        (n, d) => n * (typeof d === "number" ? d : B * T),
        1,
      );
    const buffer = this.#device.allocate(4 * elements, name);
    if (data !== undefined) this.#device.write(buffer, data);
    const view: View = {
      buffer,
      offset: 0,
      shape,
      dtype: data instanceof Int32Array ? "i32" : "f32",
    };
    this.views.set(name, view);
    return view;
  }

  async read(name: string): Promise<Int32Array> {
    const view = this.views.get(name);
    assert(view !== undefined);
    const elements = view.shape.reduce<number>(
      (n, d) => n * (typeof d === "number" ? d : B * T),
      1,
    );
    return new Int32Array(
      await this.#device.read(view.buffer, 0, 4 * elements),
    );
  }
}

function normal(count: number, key: number): Float32Array {
  const numbers = randomFrom(key);
  return Float32Array.from({ length: count }, () => numbers.normal());
}

/** The plan over these buffers. */
export function mixedPlan(t: Tensors): Plan {
  const N = dim("B", "T"), kv = KV_HEADS * D;
  const x = t.of("x", [N, C], normal(B * T * C, 1));
  const segments = t.of(
    "segments",
    [N],
    Int32Array.from({ length: B * T }, (_, i) => Math.floor((i % T) / 31)),
  );
  const keys = t.of(
    "keys",
    [N],
    Int32Array.from({ length: B * T }, (_, i) => i * 17),
  );
  const weight = (name: string, n: number, key: number) =>
    t.of(name, [n, C], normal(n * C, key));
  const product = (
    label: string,
    b: View,
    n: number,
    out: View,
    bias?: View,
  ): KernelCall => ({
    kernel: "matmul",
    label,
    attributes: {
      layout: "NT",
      batch: 1,
      m: N,
      n,
      k: C,
      alpha: 0.3,
      bias: bias !== undefined,
      addend: false,
    },
    inputs: bias === undefined ? [x, b] : [x, b, bias],
    outputs: [out],
  });
  const q = t.of("q", [N, C]), k = t.of("k", [N, kv]), v = t.of("v", [N, kv]);
  const out = t.of("out", [N, C]), lse = t.of("lse", [N, HEADS]);
  const dOut = t.of("dOut", [N, C]);
  const dQ = t.of("dQ", [N, C]),
    dK = t.of("dK", [N, kv]),
    dV = t.of("dV", [N, kv]);
  const shared = {
    B: dim("B"),
    T: dim("T"),
    heads: HEADS,
    kvHeads: KV_HEADS,
    headDim: D,
    causal: true,
    scale: 0.25,
    window: null,
    softcap: null,
  };
  const calls: KernelCall[] = [
    product("q", weight("wq", C, 2), C, q, t.of("bq", [C], normal(C, 5))),
    product("k", weight("wk", kv, 3), kv, k),
    product("v", weight("wv", kv, 4), kv, v),
    {
      kernel: "attention",
      label: "attention",
      attributes: shared,
      inputs: [q, k, v, segments],
      outputs: [out, lse],
    },
    {
      kernel: "rows",
      label: "norm and dropout",
      attributes: {
        rows: N,
        columns: C,
        program: {
          inputs: ["matrix", "column"],
          stages: [
            reduce("sum", "s", input(0).mul(input(0))),
            define("r", value("s").div(C).add(1e-5).rsqrt()),
            write(
              0,
              random(1, 3).lt(0.1).select(0, input(0).mul(value("r"))).add(
                column().mul(1e-3),
              ),
            ),
          ],
          outputs: ["matrix"],
        },
      },
      inputs: [out, keys],
      outputs: [dOut],
    },
    {
      kernel: "attention_backward",
      label: "attention backward",
      attributes: shared,
      inputs: [q, k, v, segments, out, lse, dOut],
      outputs: [dQ, dK, dV],
    },
    {
      kernel: "matmul",
      label: "weight gradient",
      attributes: {
        layout: "TN",
        batch: 1,
        m: C,
        n: C,
        k: N,
        alpha: 1,
        bias: false,
        addend: true,
      },
      inputs: [dQ, x, t.of("dW", [C, C])],
      outputs: [t.of("dW", [C, C])],
    },
    {
      kernel: "column_sum",
      label: "bias gradient",
      attributes: {
        rows: N,
        columns: C,
        inputs: ["matrix"],
        of: input(0).exp().node,
        addend: false,
      },
      inputs: [dQ],
      outputs: [t.of("dBias", [C])],
    },
    {
      kernel: "sum",
      label: "norm",
      attributes: {
        elements: { coefficient: kv, names: ["B", "T"] },
        inputs: ["matrix"],
        of: input(0).mul(input(0)).node,
        addend: false,
      },
      inputs: [dV],
      outputs: [t.of("norm", [1])],
    },
  ];
  return { name: "mixed", capacities: CAPACITIES, segments: [{ calls }] };
}
