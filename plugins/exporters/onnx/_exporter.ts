/**
 * What the part `onnx` does: imported when it is made, because its libraries are not needed before.
 * @module
 */
import {
  bytesOfSize,
  type Exporter,
  type ExportTensor,
  writeAll,
} from "@denotune/denotune/core";
import { join } from "node:path";
import { askRuntime } from "./_client.ts";
import {
  GRAPHS,
  readConfig,
  readTexts,
  STORAGES,
  writeTexts,
} from "./_layout.ts";
import { makeModel } from "./_model.ts";
import {
  columnError,
  DRIFT,
  type OnnxOptions,
  storageError,
} from "./_options.ts";
import { encodeMetadata } from "./file/proto.ts";
import { openOnnx } from "./file/read.ts";
import { writeModel } from "./file/write.ts";

/** The exporter of these options. */
export function exporterOf({ quantization, max_file }: OnnxOptions): Exporter {
  const limit = bytesOfSize(max_file, "max_file");
  const { file } = STORAGES[quantization];
  const path = (folder: string) => join(folder, GRAPHS, file);
  /** The largest number of each matrix whose blocks run down its columns, by name. */
  const largest = new Map<string, number>();
  return {
    writes: "model",
    drift: DRIFT[quantization],
    storageError({ name, shape }) {
      const most = largest.get(name);
      return most === undefined
        ? storageError(quantization, shape)
        : columnError(quantization, most);
    },
    check(request) {
      makeModel({ ...request, adapter: null }, quantization);
    },
    async write(request) {
      const { folder, model } = request;
      const tensors = model.tensors.map((t) => measured(t, largest));
      const made = makeModel(
        { model: { ...model, tensors }, adapter: null },
        quantization,
      );
      await Deno.mkdir(join(folder, GRAPHS), { recursive: true });
      const written = await writeModel(join(folder, GRAPHS), file, {
        model: made.model,
        limit,
      });
      for (const name of [...largest.keys()]) {
        if (!made.transposed.has(name)) largest.delete(name);
      }
      return [
        ...await writeTexts(request, {
          quantization,
          external: written.external,
        }),
        ...written.files.map((name) => `${GRAPHS}/${name}`),
      ];
    },
    async read(request) {
      using held = new DisposableStack();
      const opened = held.use(openOnnx(path(request.folder)));
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
    annotate({ folder }, figures) {
      using opened = Deno.openSync(path(folder), { append: true });
      writeAll(opened, encodeMetadata("denotune.figures", figures));
      return Promise.resolve();
    },
    client: ({ folder, text }, prompts) =>
      askRuntime(path(folder), { prompts, stopIds: text.stopIds }),
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
