/**
 * What every exporter must do. Call it with your own: it registers tests.
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type {
  Exporter,
  ExportRequest,
  ExportTensor,
  StorageError,
  Tokenizer,
} from "@denotune/denotune/core";
import { tokenizerFacts } from "./host.ts";

/** A tokenizer that knows its special tokens only: every other text has no tokens. */
function exampleTokenizer(): Tokenizer {
  const none = new Int32Array(0);
  return {
    ...tokenizerFacts(),
    encode: () => ({ ids: none, starts: none, ends: none }),
    decode: () => "",
    decoder: () => ({ push: () => "", end: () => "" }),
    files: () => ({ "tokenizer.json": "{}" }),
  };
}

const SHAPES: readonly (readonly [string, readonly number[]])[] = [
  ["model.embed_tokens.weight", [64, 32]],
  ["model.layers.0.self_attn.q_proj.weight", [32, 32]],
  ["model.layers.0.mlp.down_proj.weight", [32, 96]],
  ["model.norm.weight", [32]],
];

/** Tensors of small numbers, each with its own. */
function tensors(): ExportTensor[] {
  return SHAPES.map(([name, shape], k) => ({
    name,
    shape,
    read: (start, count) =>
      Float32Array.from(
        { length: count },
        (_, i) => Math.sin((start + i) * 0.7 + k),
      ),
  }));
}

/** A request to export a made-up model, or an adapter of one, into a folder. */
export function exampleExport(
  folder: string,
  writes: Exporter["writes"],
): ExportRequest {
  return {
    folder,
    name: "example",
    model: {
      carried: [],
      spec: {
        positionsAreBounded: false,
        forward: () => {
          throw new RangeError("An example has no graph: give `request`");
        },
        ignores: () => false,
        aliases: () => [],
        modelType: "llama",
        config: { model_type: "llama", hidden_size: 32, vocab_size: 64 },
        vocabSize: 64,
        hiddenSize: 32,
        layers: 1,
        maxPositions: 128,
        head: {
          name: "model.embed_tokens.weight",
          tied: true,
          init: { kind: "zeros" },
        },
      },
      tensors: tensors(),
    },
    adapter: writes === "model" ? null : {
      config: { peft_type: "LORA", r: 4 },
      attached: {
        parameters: [],
        trainsBase: () => true,
        linear: () => null,
        merged: () => null,
        config: () => ({ peft_type: "LORA", r: 4 }),
        savedName: (name) => name,
      },
      tensors: tensors().slice(1, 2),
    },
    text: {
      tokenizer: exampleTokenizer(),
      files: {
        "tokenizer.json": "{}",
        "chat_template.jinja": "{{ messages[0].content }}",
      },
      template: "{{ messages[0].content }}",
      stopIds: [1],
      generation: { eos_token_id: 1, max_new_tokens: 100 },
    },
  };
}

/** How far the number at `index` may be off, by the block that it is stored in. Blocks start with each row. */
export function allowedError(
  values: ArrayLike<number>,
  index: number,
  { shape, error }: {
    readonly shape: readonly number[];
    readonly error: StorageError;
  },
): number {
  const { block, relative, absolute = 0 } = error;
  const columns = shape.at(-1) ?? 1;
  const row = index - index % columns;
  const first = row + Math.floor((index - row) / block) * block;
  const last = Math.min(first + block, row + columns);
  let largest = 0;
  for (let i = first; i < last; i++) {
    largest = Math.max(largest, Math.abs(values[i]));
  }
  return relative * largest + absolute;
}

/** What is tested with. */
export interface ExporterSuiteOptions {
  /** What is exported, into an empty folder; default {@linkcode exampleExport}, whose model has no graph. */
  request?(
    folder: string,
    exporter: Exporter,
  ): ExportRequest | Promise<ExportRequest>;
}

/** Registers the tests of an exporter. */
export function testExporter(
  name: string,
  make: () => Exporter | Promise<Exporter>,
  options: ExporterSuiteOptions = {},
): void {
  const requestOf = options.request ??
    ((folder, { writes }) => exampleExport(folder, writes));
  const test = (
    what: string,
    body: (exporter: Exporter, request: ExportRequest) => Promise<void>,
  ) =>
    Deno.test(`${name}: ${what}`, async () => {
      const folder = await Deno.makeTempDir();
      try {
        const exporter = await make();
        await body(exporter, await requestOf(folder, exporter));
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    });

  test(
    "writes files that it names, in the folder only",
    async (exporter, request) => {
      await exporter.check(request);
      const files = await exporter.write(request);
      assert.ok(files.length > 0);
      for (const file of files) {
        assert.ok(
          !file.startsWith("/") && !file.split("/").includes(".."),
          file,
        );
        assert.ok(Deno.statSync(join(request.folder, file)).isFile, file);
      }
      const found = [...Deno.readDirSync(request.folder)].map((e) => e.name);
      const named = new Set(files.map((file) => file.split("/")[0]));
      assert.deepEqual(found.sort(), [...named].sort());
    },
  );

  test("check writes nothing", async (exporter, request) => {
    await exporter.check(request);
    assert.deepEqual([...Deno.readDirSync(request.folder)], []);
  });

  test("reads back the weights that it wrote", async (exporter, request) => {
    await exporter.write(request);
    await exporter.annotate?.(request, '{"checked": true}');
    using back = await exporter.read(request);
    const wanted = (request.adapter ?? request.model).tensors;
    const found = new Map(back.tensors.map((t) => [t.name, t]));
    assert.deepEqual(
      [...found.keys()].sort(),
      wanted.map((t) => t.name).sort(),
    );
    for (const tensor of wanted) {
      const { name, shape } = tensor;
      const other = found.get(name);
      assert.deepEqual(other?.shape, shape, name);
      const count = shape.reduce((a, b) => a * b, 1);
      const half = Math.floor(count / 2);
      const values = (await tensor.read(0, count)).slice();
      const error = exporter.storageError(tensor);
      for (const [start, length] of [[0, count], [half, count - half]]) {
        const again: ArrayLike<number> = await other?.read(start, length) ?? [];
        assert.equal(again.length, length, name);
        for (let i = 0; i < length; i++) {
          const off = Math.abs(again[i] - values[start + i]);
          const allowed = allowedError(values, start + i, { shape, error });
          assert.ok(off <= allowed, `${name} at ${i}: ${off} > ${allowed}`);
        }
      }
    }
    const { template, stopIds } = back.text ?? {};
    if (template !== undefined) assert.equal(template, request.text.template);
    if (stopIds !== undefined) {
      assert.deepEqual(
        [...stopIds].sort((a, b) => a - b),
        [...request.text.stopIds].sort((a, b) => a - b),
      );
    }
  });

  test("stops when it is aborted", async (exporter, request) => {
    const signal = AbortSignal.abort(new Error("stopped"));
    const guarded = (tensors: readonly ExportTensor[]) =>
      tensors.map((tensor): ExportTensor => ({
        ...tensor,
        read: (start, count) => {
          signal.throwIfAborted();
          return tensor.read(start, count);
        },
      }));
    const { model, adapter } = request;
    await assert.rejects(
      exporter.write({
        ...request,
        signal,
        model: { ...model, tensors: guarded(model.tensors) },
        adapter: adapter === null
          ? null
          : { ...adapter, tensors: guarded(adapter.tensors) },
      }),
      /stopped/,
    );
  });
}
