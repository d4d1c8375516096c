/**
 * The rows of the table. A row is found by its name or by how that begins.
 * @module
 */
import { findMachineCode } from "../../../backends/cpu/machine_code/machine_code.ts";
import { attention, products } from "./kernels.ts";
import { decode, type Decoding } from "./decode.ts";
import {
  encode,
  importLibrary,
  kept,
  once,
  prepare,
  prepareInTwo,
  rowsFile,
  start,
  tokenizerFolder,
} from "./programs.ts";
import { type ModelName, MODELS } from "./models.ts";
import { child, type Row } from "./row.ts";
import { train, type Training } from "./train.ts";

/** The file of the Python side. */
export const PYTHON = new URL("../peers.py", import.meta.url).pathname;

/** What `auto` takes where no library is installed. */
const WITHOUT_LIBRARY = findMachineCode().found === null
  ? "off"
  : "machine_code";

function training(name: string, t: Training): Row {
  const options = { ...t, config: MODELS[t.model] };
  return {
    name,
    unit: "tokens/s",
    ours: () => train(t, profile()),
    peers: t.precision === "bfloat16"
      ? [
        {
          name: "transformers, autocast",
          python: ["train", { ...options, autocast: true }],
        },
        {
          name: "ours, float32",
          ours: () => train({ ...t, precision: "float32" }),
        },
      ]
      : [{ name: "transformers", python: ["train", options] }],
  };
}

function decoding(d: Decoding): Row {
  const { model, rows, tokens, quantization } = d;
  const llama = (storage: "f32" | "q8_0") => ({
    name: `llama.cpp ${storage}`,
    python: ["llama-cpp", {
      config: MODELS[model],
      storage,
      file: kept(`${model}-${storage}.gguf`),
      rows,
      tokens,
    }] as const,
  });
  const transformers = {
    name: "transformers",
    python: ["decode", { config: MODELS[model], rows, tokens }] as const,
  };
  const isLlama = model === "llama-135m";
  return {
    name: `decode-${model}-${
      quantization === undefined ? "" : `${quantization}-`
    }${rows}`,
    unit: "tokens/s",
    ours: () => decode(d, profile()),
    peers: quantization === undefined
      ? [transformers, ...isLlama ? [llama("f32")] : []]
      : [
        {
          name: "ours, float32",
          ours: () => decode({ ...d, quantization: undefined }),
        },
        ...isLlama && quantization === "int8" ? [llama("q8_0")] : [],
      ],
  };
}

/** Folder of the Llama of 135 million weights, written by transformers. */
async function llamaFolder(): Promise<string> {
  const folder = kept("llama-135m");
  return await once(folder, () => {
    const options = { config: MODELS["llama-135m"], folder };
    return child("python3", {
      args: [PYTHON, "save", JSON.stringify(options)],
    });
  });
}

/** OpenBLAS with vectors of 128 bits and without fused multiply-adds, as WebAssembly has them. */
const NARROW = { OPENBLAS_CORETYPE: "Nehalem" };

const profile = () => Deno.args.includes("--profile");
const short: readonly [ModelName, Omit<Training, "model">][] = [
  ["small-gpt", { B: 8, T: 64, steps: 300 }],
  ["quickstart", { B: 48, T: 24, steps: 300 }],
];

/** All rows. */
export const ROWS: readonly Row[] = [
  training("gpt2-full", { model: "gpt2-124m", B: 4, T: 512, steps: 2 }),
  training("gpt2-bfloat16", {
    model: "gpt2-124m",
    B: 4,
    T: 512,
    steps: 2,
    precision: "bfloat16",
  }),
  training("llama-lora-bfloat16", {
    model: "llama-135m",
    B: 4,
    T: 512,
    steps: 2,
    rank: 16,
    precision: "bfloat16",
  }),
  training("gpt2-quarter", {
    model: "gpt2-124m",
    B: 4,
    T: 512,
    steps: 2,
    every: 4,
  }),
  training("gpt2-lora", {
    model: "gpt2-124m",
    B: 4,
    T: 512,
    steps: 2,
    rank: 16,
  }),
  training("llama-lora", {
    model: "llama-135m",
    B: 4,
    T: 512,
    steps: 2,
    rank: 16,
  }),
  training("llama-lora-2048", {
    model: "llama-135m",
    B: 1,
    T: 2048,
    steps: 2,
    rank: 16,
  }),
  training("gemma3-lora", {
    model: "gemma3-270m",
    B: 1,
    T: 1024,
    steps: 1,
    rank: 16,
  }),
  training("lfm2-lora", {
    model: "lfm2-350m",
    B: 2,
    T: 512,
    steps: 2,
    rank: 16,
  }),
  ...short.flatMap(([model, sizes]) => [
    training(model, { model, ...sizes }),
    training(`${model}-no-blas`, { model, ...sizes, blas: WITHOUT_LIBRARY }),
    training(`${model}-wasm`, { model, ...sizes, blas: "off" }),
  ]),
  ...([1, 8] as const).flatMap((rows) => [
    decoding({ model: "gpt2-124m", rows, tokens: 32 }),
    decoding({ model: "llama-135m", rows, tokens: 32 }),
    decoding({ model: "llama-135m", rows, tokens: 32, quantization: "int8" }),
    decoding({ model: "llama-135m", rows, tokens: 32, quantization: "nf4" }),
  ]),
  {
    name: "start",
    unit: "s",
    ours: async () => await start(await llamaFolder()),
    peers: [{
      name: "transformers",
      python: ["start", { folder: kept("llama-135m"), rank: 16 }],
    }],
  },
  {
    name: "import",
    unit: "s",
    ours: importLibrary,
    peers: [{ name: "transformers", python: ["import", {}] }],
  },
  {
    name: "prepare-1",
    unit: "tokens/s",
    ours: () => prepare(1),
    peers: [
      { name: "ours, 2 workers", ours: () => prepare(2) },
      { name: "ours, 2 processes", ours: prepareInTwo },
    ],
  },
  {
    name: "tokenizer",
    unit: "tokens/s",
    ours: encode,
    peers: [{
      name: "tokenizers",
      python: [
        "encode",
        async () => ({ folder: tokenizerFolder(), file: await rowsFile() }),
      ],
    }],
  },
  ...[{ m: 512, n: 512, k: 512 }, { m: 2048, n: 768, k: 768 }, {
    m: 512,
    n: 512,
    k: 128,
  }].map((size): Row => ({
    name: `product-${size.m}x${size.n}x${size.k}`,
    unit: "GFLOP/s",
    ours: () => products(size, { blas: WITHOUT_LIBRARY }),
    peers: [
      {
        name: "ours, 1 worker",
        ours: () => products(size, { blas: WITHOUT_LIBRARY, workers: 1 }),
      },
      {
        name: "ours, WebAssembly",
        ours: () => products(size, { blas: "off" }),
      },
      {
        name: "OpenBLAS, 128 bits",
        ours: () =>
          products(size, { blas: "auto", blas_path: "libopenblas.so.0" }),
        environment: NARROW,
      },
      { name: "torch", python: ["product", size] },
    ],
  })),
  ...[512, 1024, 2048, 4096].map((T): Row => ({
    name: `attention-${T}`,
    unit: "tokens/s",
    ours: () => attention(T, profile()),
    peers: [{ name: "torch", python: ["attention", { T }] }],
  })),
];
