/**
 * The tensors of a LoRA as llama.cpp reads them: `NAME.lora_a` (rank, in) and `NAME.lora_b` (out, rank), where NAME is
 * the tensor that they change. It adds alpha / rank times their product; an adapter whose layers have factors of their
 * own has them multiplied into B. Where a weight's rows change places in the file, those of B do.
 * @module
 */
import {
  ConfigError,
  DataError,
  type ExportReadBack,
  type ExportRequest,
  type ExportTensor,
} from "@denotune/denotune/core";
import type { BlockType } from "./blocks/mod.ts";
import { roomForFigures } from "./file/annotate.ts";
import { openGguf } from "./file/read_gguf.ts";
import { type GgufTensorToWrite, writeGguf } from "./file/write_gguf.ts";
import { layoutOf, rulesOf, type TensorRule } from "./model/layout.ts";
import { movedBack, piecesOf, shapeInFile } from "./model/moves.ts";

/** A tensor of an adapter with its place in the file. */
interface PlannedTensor {
  readonly source: ExportTensor;
  readonly rule: TensorRule;
}

/** An adapter before it is written. */
interface AdapterPlan {
  readonly architecture: string;
  readonly alpha: number;
  readonly tensors: readonly PlannedTensor[];
}

/** Settings of a plain LoRA; what else is set is refused. */
const REFUSED: Readonly<Record<string, string>> = {
  use_dora: "DoRA",
  modules_to_save: "modules that are trained whole",
  trainable_token_indices: "rows of the embedding that are trained",
  layer_replication: "layers that are repeated",
  target_parameters: "parameters that are no modules",
  lora_bias: "biases of B",
};

/** Where each tensor goes. Throws `ConfigError` for what llama.cpp does not add. */
export function planAdapter(
  { adapter, model }: Omit<ExportRequest, "folder">,
): AdapterPlan {
  if (adapter === null) throw refusal("there is none");
  const { config } = adapter;
  if (config.peft_type !== "LORA") {
    throw refusal(`it is of the type ${JSON.stringify(config.peft_type)}`);
  }
  for (const [key, what] of Object.entries(REFUSED)) {
    const value = config[key];
    if (value === undefined || value === null || value === false) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    throw refusal(`it has ${what} (${key})`);
  }
  if (config.bias !== undefined && config.bias !== "none") {
    throw refusal(
      `it has trained biases (bias: ${JSON.stringify(config.bias)})`,
    );
  }
  if (/^pissa|^olora|^corda|^loftq/.test(String(config.init_lora_weights))) {
    throw refusal(
      `it changes the base (init_lora_weights: ${
        JSON.stringify(config.init_lora_weights)
      })`,
    );
  }
  const layout = layoutOf(model.spec);
  const alpha = numberOf(config.lora_alpha, 8);
  const tensors = adapter.tensors.map((source): PlannedTensor => {
    const found =
      /^(?:base_model\.model\.)?(.+)\.lora_([AB])(?:\.default)?\.weight$/
        .exec(source.name);
    if (found === null) throw refusal(`it has the tensor ${source.name}`);
    const [, module, side] = found;
    const rules = rulesOf(layout, `${module}.weight`);
    if (rules === null || rules.length > 1 || source.shape.length !== 2) {
      throw refusal(
        `llama.cpp has no one place for what it adds to ${module}`,
      );
    }
    const [{ name, view, order, factor }] = rules;
    if (name === "token_embd.weight") {
      throw refusal(`it changes the embedding ${module}`);
    }
    const plain = { transposed: false, offset: 0, exact: false };
    if (side === "A") {
      return {
        source,
        rule: { ...plain, name: `${name}.lora_a`, factor: 1 },
      };
    }
    const rank = source.shape[1];
    return {
      source,
      rule: {
        ...plain,
        name: `${name}.lora_b`,
        ...(view === undefined ? {} : { view, order }),
        // llama.cpp multiplies by alpha / rank
        factor: factor * scalingOf(config, module, rank) * rank / alpha,
      },
    };
  });
  return { architecture: layout.architecture, alpha, tensors };
}

/** What PEFT multiplies the product of a layer by. */
function scalingOf(
  config: { readonly [key: string]: unknown },
  module: string,
  rank: number,
): number {
  const pattern = config.alpha_pattern;
  let alpha = numberOf(config.lora_alpha, 8);
  if (typeof pattern === "object" && pattern !== null) {
    const entry = Object.entries(pattern).find(([key]) =>
      key.startsWith("^")
        ? new RegExp(key).test(module)
        : new RegExp(`(^|.*\\.)(${key})$`).test(module)
    );
    if (entry !== undefined) alpha = numberOf(entry[1], alpha);
  }
  return alpha / (config.use_rslora === true ? Math.sqrt(rank) : rank);
}

function numberOf(value: unknown, fallback: number): number {
  return typeof value === "number" ? value : fallback;
}

function refusal(found: string): ConfigError {
  return new ConfigError(
    `Cannot export this adapter as GGUF: ${found}, and llama.cpp adds plain LoRA alone. Export the merged model instead: --to gguf`,
  );
}

/** Writes the file. */
export async function writeAdapter(
  path: string,
  { request, type }: {
    readonly request: ExportRequest;
    readonly type: BlockType;
  },
): Promise<void> {
  const { architecture, alpha, tensors } = planAdapter(request);
  await writeGguf(path, {
    metadata: {
      "general.architecture": { string: architecture },
      "general.type": { string: "adapter" },
      "general.name": { string: request.name },
      "general.quantization_version": { u32: 2 },
      "adapter.type": { string: "lora" },
      "adapter.lora.alpha": { f32: alpha },
      ...roomForFigures(),
    },
    tensors: tensors.map(({ source, rule }): GgufTensorToWrite => ({
      name: rule.name,
      shape: shapeInFile(source.shape, rule),
      type,
      pieces: () => piecesOf(source, rule),
    })),
  });
}

/** Opens the file again. */
export async function readAdapter(
  path: string,
  request: ExportRequest,
): Promise<ExportReadBack> {
  const { architecture, alpha, tensors } = planAdapter(request);
  using held = new DisposableStack();
  const file = held.use(await openGguf(path));
  const settings = {
    "general.architecture": architecture,
    "adapter.type": "lora",
    "adapter.lora.alpha": Math.fround(alpha),
  };
  for (const [key, wanted] of Object.entries(settings)) {
    const found = file.metadata.get(key);
    if (found !== wanted) {
      throw new DataError(
        `${path} does not hold this adapter: ${key} is ${found} in the file, ${wanted} as trained`,
      );
    }
  }
  const known = new Set(tensors.map(({ rule }) => rule.name));
  const back = tensors.flatMap(({ source, rule }) => {
    const tensor = file.tensors.get(rule.name);
    if (tensor === undefined) return [];
    if (tensor.shape.join() !== source.shape.join()) {
      throw new DataError(
        `${path}: tensor ${rule.name} has the shape ${
          tensor.shape.join(" x ")
        }, and ${source.shape.join(" x ")} is needed`,
      );
    }
    const columns = source.shape[1];
    const moved = movedBack({
      name: source.name,
      shape: source.shape,
      rule,
      readRows: (row, count) =>
        file.readBlocks(tensor, row * columns, count * columns),
    });
    return [{ ...moved, storage: tensor.type.name }];
  });
  const others = [...file.tensors.values()].filter(({ name }) =>
    !known.has(name)
  ).map((tensor) => ({
    name: tensor.name,
    shape: tensor.shape,
    storage: tensor.type.name,
    read: (start: number, count: number) =>
      file.readBlocks(tensor, start, count),
  }));
  const owned = held.move();
  return {
    tensors: [...back, ...others],
    config: null,
    text: null,
    [Symbol.dispose]: () => owned.dispose(),
  };
}
