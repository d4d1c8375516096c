/**
 * A plugin with an exporter: the weights alone, as an `.npz` that NumPy loads.
 * @module
 */
import { definePart, definePlugin } from "@denotune/denotune/core";
import type { Exporter } from "@denotune/denotune/core";
import { unzipSync, type Zippable, zipSync } from "fflate";
import { z } from "zod";

/** The header of a float32 array, padded to a multiple of 64 bytes. */
function header(shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const sizes = shape.map((size) => `${size}, `).join("");
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sizes})}`;
  const length = Math.ceil((text.length + 11) / 64) * 64 - 10;
  const start = `\x93NUMPY\x01\x00${
    String.fromCharCode(length & 255, length >> 8)
  }`;
  const all = `${start}${text.padEnd(length - 1)}\n`;
  return Uint8Array.from(all, (c) => c.charCodeAt(0));
}

const npz: Exporter = {
  writes: "model",
  storageError: () => ({ block: 1, relative: 0 }), // float32 is exact
  drift: 1e-3,
  check: () => {},
  async write({ folder, model }) {
    const files: Zippable = {};
    for (const { name, shape, read } of model.tensors) {
      const values = await read(0, shape.reduce((a, b) => a * b, 1));
      const file = new Blob([header(shape), values.slice()]);
      files[`${name}.npy`] = [await file.bytes(), { level: 0 }];
    }
    await Deno.writeFile(`${folder}/weights.npz`, zipSync(files));
    return ["weights.npz"];
  },
  async read({ folder }) {
    const files = unzipSync(await Deno.readFile(`${folder}/weights.npz`));
    const tensors = Object.entries(files).map(([name, bytes]) => {
      const start = 10 + bytes[8] + 256 * bytes[9];
      const text = new TextDecoder().decode(bytes.subarray(10, start));
      const shape = text.split(/[(,)]/).map(parseFloat).filter(isFinite);
      const values = new Float32Array(bytes.slice(start).buffer);
      const read = (from: number, n: number) => values.subarray(from, from + n);
      return { name: name.slice(0, -".npy".length), shape, read };
    });
    return { tensors, config: null, text: null, [Symbol.dispose]() {} };
  },
};

const part = definePart({
  kind: "exporter",
  name: "npz",
  description: "Weights alone, as arrays of float32 that NumPy loads",
  options: z.strictObject({}),
  create: () => npz,
});

export default definePlugin({ name: "npz", api: 1, parts: [part] });
