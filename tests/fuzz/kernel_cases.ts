/**
 * Random cases of every kernel: tensors as the definition says, outputs in the place of inputs where it allows that,
 * weights as it allows to store them.
 * @module
 */
import {
  type Dim,
  type DType,
  hash32,
  type KernelAttributes,
  type KernelCall,
  type KernelName,
  type Operand,
  operandsOf,
  type Random,
  randomFrom,
  type Shape,
} from "@denotune/denotune/core";
import {
  type Case,
  caseOf,
  normal,
  type TensorSpec,
} from "../conformance/backend/case.ts";
import { makers, type Sizes } from "./kernel_attributes.ts";

/** Case number `seed` of a kernel. */
export function kernelCase<K extends KernelName>(
  kernel: K,
  seed: number,
): Case {
  const random = randomFrom(
    hash32(seed, ...[...kernel].map((c) => c.charCodeAt(0))),
  );
  const most = 1 + random.below(random.next() < 0.2 ? 70 : 12);
  const named = random.next() < 0.7;
  const N: Dim = named ? { coefficient: 1, names: ["N"] } : most;
  const sizes: Sizes = { N, most };
  const { attributes, tolerance, free = {}, data = {} } = makers[kernel](
    random,
    sizes,
  );
  const operands = operandsOf<K>({ kernel, attributes });
  const shapeOf = ({ shape }: Operand): Shape =>
    shape.map((s): Dim =>
      typeof s === "number" || "names" in s
        ? s
        : "free" in s
        ? free[s.free]
        : typeof s.oneMoreThan === "number"
        ? s.oneMoreThan + 1
        : { coefficient: 1, names: ["N+1"] }
    );
  const tensors: Record<string, TensorSpec> = {};
  // only a copy of a fixed multiple of 4 elements may be of bytes, and such a one is here
  const ofBytes = kernel === "copy" && "elements" in attributes &&
    typeof attributes.elements === "number" &&
    !("quantized" in attributes);
  const inputs = operands.inputs.map((operand): string => {
    const dtype = storage(operand, random, ofBytes);
    const tensor = `in ${operand.name}`;
    tensors[tensor] = {
      shape: operand.atLeast === true && operand.name.includes("scalars")
        ? [3]
        : shapeOf(operand),
      dtype,
      data: data[operand.name] ??
        (dtype === "i32" && operand.quantized == null
          ? (count, r) => Array.from({ length: count }, () => r.below(50))
          : normal),
      ...(operand.quantized === undefined
        ? {}
        : { quantized: operand.quantized }),
    };
    return tensor;
  });
  const taken = new Set<string>();
  const outputs = operands.outputs.map((operand): string => {
    const { name, mayShare = [], mustShare } = operand;
    const dtype = ofBytes && inputs.length > 0
      ? bytesFrom(tensors[inputs[0]]?.dtype)
      : storedAs(operand, tensors[inputs[0]]?.dtype, random);
    const homes = mayShare.map((n) => `in ${n}`).filter((tensor) =>
      !taken.has(tensor) && tensors[tensor].dtype === dtype
    );
    const home = mustShare !== undefined
      ? `in ${mustShare}`
      : homes.length > 0 && random.next() < 0.6
      ? homes[random.below(homes.length)]
      : null;
    if (home !== null) {
      taken.add(home);
      return home;
    }
    tensors[`out ${name}`] = { shape: shapeOf(operand), dtype };
    return `out ${name}`;
  });
  const extents = (n: number) => ({ N: n, "N+1": n + 1 });
  const quantized = operands.inputs.find((o) => o.quantized)?.quantized;
  return caseOf({
    title: `${kernel} ${seed}`,
    tensors,
    calls: (view) => [
      callOf(kernel, attributes, {
        inputs: inputs.map((name) => view(name)),
        outputs: outputs.map((name) => view(name)),
        label: `${kernel} ${seed}`,
      }),
    ],
    capacities: extents(most),
    runs: named
      ? [most, 1 + random.below(most), 0].map(extents)
      : [extents(most)],
    ...(kernel === "matmul" && quantized !== undefined
      ? { needs: quantized.format }
      : {}),
    outputs: Object.fromEntries(outputs.map((name) => [name, tolerance])),
  });
}

function storage(
  { dtypes = ["f32"] }: Operand,
  random: Random,
  ofBytes = false,
): DType {
  if (ofBytes) return random.next() < 0.5 ? "f32" : "i8";
  const plain = dtypes.filter((dtype) => dtype !== "i8");
  return plain[random.below(plain.length)];
}

/** Bytes are widened, and what is wide becomes bytes. */
function bytesFrom(from: DType | undefined): DType {
  return from === "i8" ? "f32" : "i8";
}

/** What may be stored in several ways is converted, unless it is whole numbers: they stay so. */
function storedAs(
  { dtypes = ["f32"] }: Operand,
  from: DType | undefined,
  random: Random,
): DType {
  if (dtypes.length === 1) return dtypes[0];
  return from === "i32"
    ? "i32"
    : storage({ name: "", shape: [], dtypes: ["f32", "bf16", "f16"] }, random);
}

/** Only here do a name and its attributes become one of the calls. */
function callOf<K extends KernelName>(
  kernel: K,
  attributes: KernelAttributes[K],
  rest: Pick<KernelCall, "inputs" | "outputs" | "label">,
): KernelCall {
  return { kernel, attributes, ...rest } as KernelCall;
}
