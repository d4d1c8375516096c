/**
 * The contract of exporters, on the smallest of them: a file of float32 for each weight.
 */
import { join } from "node:path";
import type { Exporter } from "../../../core/contracts/exporter.ts";
import { testExporter } from "../../conformance/exporter.ts";

function rawExporter(writes: Exporter["writes"]): Exporter {
  return {
    writes,
    storageError: () => ({ block: 1, relative: 0 }),
    drift: 1e-3,
    check: () => {},
    async write({ folder, model, adapter, text }) {
      const list = (adapter ?? model).tensors;
      for (const { name, shape, read } of list) {
        const values = await read(0, shape.reduce((a, b) => a * b, 1));
        await Deno.writeFile(
          join(folder, name),
          new Uint8Array(values.slice().buffer),
        );
      }
      const { template, stopIds } = text;
      const shapes = list.map(({ name, shape }) => ({ name, shape }));
      await Deno.writeTextFile(
        join(folder, "index.json"),
        JSON.stringify({ shapes, template, stopIds }),
      );
      return ["index.json", ...list.map(({ name }) => name)];
    },
    async read({ folder }) {
      const index: {
        shapes: { name: string; shape: number[] }[];
        template: string | null;
        stopIds: number[];
      } = JSON.parse(await Deno.readTextFile(join(folder, "index.json")));
      return {
        config: null,
        text: index,
        tensors: index.shapes.map(({ name, shape }) => ({
          name,
          shape,
          async read(start, count) {
            const bytes = await Deno.readFile(join(folder, name));
            return new Float32Array(bytes.buffer, start * 4, count);
          },
        })),
        [Symbol.dispose]: () => {},
      };
    },
  };
}

testExporter("an exporter of models", () => rawExporter("model"));
testExporter("an exporter of adapters", () => rawExporter("adapter"));
