/**
 * Asks onnxruntime, where it is installed beside the program: `npm install onnxruntime-node` or `onnxruntime-web` in
 * the working folder. It is never fetched.
 * @module
 */
import {
  type ClientAnswers,
  type ClientPrompt,
  isPlainObject,
  type SafetensorsFile,
} from "@denotune/denotune/core";
import { createRequire } from "node:module";
import { join } from "node:path";

/** A tensor of onnxruntime. */
interface RuntimeTensor {
  readonly dims: readonly number[];
  readonly data: ArrayLike<number>;
}

/** What is used of onnxruntime's interface for JavaScript. */
interface Runtime {
  readonly Tensor: new (
    type: string,
    data: Float32Array | BigInt64Array,
    dims: readonly number[],
  ) => RuntimeTensor;
  readonly InferenceSession: {
    create(path: string, options: object): Promise<RuntimeSession>;
  };
}

interface RuntimeSession {
  readonly inputMetadata: readonly {
    readonly name: string;
    readonly shape: readonly (number | string)[];
  }[];
  run(
    feeds: Record<string, RuntimeTensor>,
  ): Promise<Record<string, RuntimeTensor>>;
  release(): Promise<void>;
}

/** Packages that run ONNX, native before WebAssembly. */
const PACKAGES = ["onnxruntime-node", "onnxruntime-web"];

/** Greedy answers of the installed onnxruntime; null: none is installed. */
export async function askRuntime(
  path: string,
  { prompts, stopIds, adapter }: {
    readonly prompts: readonly ClientPrompt[];
    readonly stopIds: readonly number[];
    /** Tensors that the graph has as inputs; null: it has none. */
    readonly adapter: SafetensorsFile | null;
  },
): Promise<ClientAnswers | null> {
  const found = findRuntime();
  if (found === null) return null;
  const session = await found.runtime.InferenceSession.create(path, {
    logSeverityLevel: 3,
  });
  try {
    const { Tensor } = found.runtime;
    const inputs = Object.fromEntries(
      [...adapter?.tensors.values() ?? []].map((t) =>
        [t.name, new Tensor("float32", t.read(), t.shape)] as const
      ),
    );
    const answers: number[][] = [];
    for (const prompt of prompts) {
      answers.push(
        await answer(session, {
          runtime: found.runtime,
          inputs,
          prompt,
          stopIds,
        }),
      );
    }
    return { client: found.client, answers };
  } finally {
    await session.release();
  }
}

function findRuntime(): { runtime: Runtime; client: string } | null {
  const require = createRequire(join(Deno.cwd(), "client.js"));
  for (const name of PACKAGES) {
    try {
      require.resolve(name);
    } catch {
      continue;
    }
    const facts: unknown = require(`${name}/package.json`);
    const version = isPlainObject(facts) ? facts.version : "";
    return { runtime: require(name), client: `${name} ${version}` };
  }
  return null;
}

async function answer(
  session: RuntimeSession,
  { runtime, inputs, prompt, stopIds }: {
    readonly runtime: Runtime;
    readonly inputs: Readonly<Record<string, RuntimeTensor>>;
    readonly prompt: ClientPrompt;
    readonly stopIds: readonly number[];
  },
): Promise<number[]> {
  const { Tensor } = runtime;
  const whole = (values: readonly number[]) =>
    new Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
  const declared = new Set(session.inputMetadata.map(({ name }) => name));
  let past: Record<string, RuntimeTensor> = {};
  for (const { name, shape } of session.inputMetadata) {
    if (!name.startsWith("past")) continue;
    const dims = shape.map((d) =>
      typeof d === "number" ? d : d === "batch_size" ? 1 : 0
    );
    const size = dims.reduce((a, b) => a * b, 1);
    past[name] = new Tensor("float32", new Float32Array(size), dims);
  }
  const answered: number[] = [];
  let fresh: readonly number[] = prompt.ids;
  let read = 0;
  while (answered.length < prompt.maxNewTokens) {
    const all = read + fresh.length;
    const feeds: Record<string, RuntimeTensor> = {
      input_ids: whole(fresh),
      attention_mask: whole(Array.from({ length: all }, () => 1)),
      position_ids: whole(fresh.map((_, i) => read + i)),
      ...past,
      ...inputs,
    };
    const outputs = await session.run(
      Object.fromEntries(
        Object.entries(feeds).filter(([name]) => declared.has(name)),
      ),
    );
    const { logits: { dims, data } } = outputs;
    const id = largest(data, (fresh.length - 1) * dims[2], dims[2]);
    answered.push(id);
    if (stopIds.includes(id)) break;
    past = Object.fromEntries(
      Object.entries(outputs).filter(([name]) => name !== "logits").map((
        [name, tensor],
      ) => [
        name.startsWith("present.")
          ? name.replace("present.", "past_key_values.")
          : name.replace("present", "past"),
        tensor,
      ]),
    );
    read = all;
    fresh = [id];
  }
  return answered;
}

function largest(
  values: ArrayLike<number>,
  start: number,
  count: number,
): number {
  let best = 0;
  for (let i = 1; i < count; i++) {
    if (values[start + i] > values[start + best]) best = i;
  }
  return best;
}
