/**
 * What the parts `onnx` and `onnx-lora` do: imported when one is made, because its libraries are not needed before.
 * @module
 */
import {
  bytesOfSize,
  ConfigError,
  type Exporter,
  type ExportRequest,
  type ExportTensor,
  isPlainObject,
  OBJECTIVE_KEY,
  writeAll,
} from "@denotune/denotune/core";
import { join } from "node:path";
import { adapterTensors, readAdapter, writeAdapter } from "./_adapter_file.ts";
import { askRuntime } from "./_client.ts";
import { encodeMetadata } from "./file/proto.ts";
import { openOnnx } from "./file/read.ts";
import { writeModel } from "./file/write.ts";
import {
  GRAPHS,
  readConfig,
  readTexts,
  STORAGES,
  writeTexts,
} from "./_layout.ts";
import { type MadeModel, makeModel } from "./_model.ts";
import {
  columnError,
  DRIFT,
  type OnnxOptions,
  storageError,
} from "./_options.ts";

/** The exporter of whole models. */
export function exporterOf(options: OnnxOptions): Exporter {
  const { quantization } = options;
  /** The largest number of each matrix whose blocks run down its columns, by name. */
  const largest = new Map<string, number>();
  return {
    ...shared(options),
    writes: "model",
    storageError({ name, shape }) {
      const most = largest.get(name);
      return most === undefined
        ? storageError(quantization, shape)
        : columnError(quantization, most);
    },
    async write(request) {
      const { model } = request;
      const tensors = model.tensors.map((t) => measured(t, largest));
      const { made, files } = await writeGraph(
        { ...request, model: { ...model, tensors }, adapter: null },
        options,
      );
      for (const name of [...largest.keys()]) {
        if (!made.transposed.has(name)) largest.delete(name);
      }
      return files;
    },
    async read(request) {
      using held = new DisposableStack();
      const opened = held.use(openOnnx(graphPath(request, options)));
      const [config, text] = [
        await readConfig(request),
        await readTexts(request),
      ];
      const owned = held.move();
      return {
        tensors: opened.tensors,
        config,
        text,
        [Symbol.dispose]: () => owned.dispose(),
      };
    },
  };
}

/** The exporter of a base that takes an adapter as its inputs, and of the adapter. */
export function loraExporterOf(options: OnnxOptions): Exporter {
  return {
    ...shared(options),
    writes: "adapter",
    // factors are multiplied in and divided out again
    storageError: () => ({ block: 1, relative: 2 ** -22 }),
    async write(request) {
      const { made, files } = await writeGraph(request, options);
      return [...files, await writeAdapter(request, made.scales)];
    },
    async read(request) {
      using held = new DisposableStack();
      const file = held.use(readAdapter(request));
      const [config, text] = [
        await readConfig(request),
        await readTexts(request),
      ];
      const owned = held.move();
      return {
        tensors: adapterTensors(file),
        config,
        text,
        [Symbol.dispose]: () => owned.dispose(),
      };
    },
  };
}

/** What both have. */
function shared(
  options: OnnxOptions,
): Pick<Exporter, "drift" | "check" | "annotate" | "client"> {
  const { quantization } = options;
  return {
    drift: DRIFT[quantization],
    check(request) {
      refuseOwnDecoding(request);
      makeModel(request, quantization);
    },
    annotate(request, figures) {
      const path = graphPath(request, options);
      using file = Deno.openSync(path, { append: true });
      writeAll(file, encodeMetadata("denotune.figures", figures));
      return Promise.resolve();
    },
    async client(request, prompts) {
      const { adapter, model: { spec }, text: { stopIds } } = request;
      if (spec.attention === "bidirectional") return null; // it writes no answers token by token
      using file = adapter === null ? null : readAdapter(request);
      return await askRuntime(graphPath(request, options), {
        prompts,
        stopIds,
        adapter: file,
      });
    },
  };
}

/** Refuses a model that is decoded by its objective: the graph of a decoder hides later tokens. */
function refuseOwnDecoding(
  { model: { spec }, text: { generation } }: Omit<ExportRequest, "folder">,
): void {
  const objective = generation[OBJECTIVE_KEY];
  if (objective === undefined || spec.attention === "bidirectional") return;
  const name = isPlainObject(objective) ? objective.use : objective;
  throw new ConfigError(
    `Cannot write ${spec.modelType} as ONNX: it was trained with the objective ${name}, and no client of ONNX decodes such a model; choose the exporter huggingface`,
  );
}

function graphPath(
  { folder }: Pick<ExportRequest, "folder">,
  { quantization }: OnnxOptions,
): string {
  return join(folder, GRAPHS, STORAGES[quantization].file);
}

/** Writes everything but an adapter. */
async function writeGraph(
  request: ExportRequest,
  { quantization, max_file }: OnnxOptions,
): Promise<{ readonly made: MadeModel; readonly files: string[] }> {
  const made = makeModel(request, quantization);
  const folder = join(request.folder, GRAPHS);
  await Deno.mkdir(folder, { recursive: true });
  const { files, external } = await writeModel(
    folder,
    STORAGES[quantization].file,
    { model: made.model, limit: bytesOfSize(max_file, "max_file") },
  );
  return {
    made,
    files: [
      ...await writeTexts(request, { quantization, external }),
      ...files.map((name) => `${GRAPHS}/${name}`),
    ],
  };
}

/** A tensor that notes the largest number that was read of it. */
function measured(
  tensor: ExportTensor,
  largest: Map<string, number>,
): ExportTensor {
  const { name, shape } = tensor;
  return {
    name,
    shape,
    async read(start, count) {
      const values = await tensor.read(start, count);
      let most = largest.get(name) ?? 0;
      for (const v of values) most = Math.max(most, Math.abs(v));
      largest.set(name, most);
      return values;
    },
  };
}
