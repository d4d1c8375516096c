import type { KindTemplate } from "../kind_template.ts";

/** Weights as one file of float32, with an index. */
export const exporter: KindTemplate = {
  does:
    "An exporter for denotune: the weights as one file of float32, with an index.",
  part: `/** Weights as one file of float32, with an index. @module */
import {
  definePart,
  definePlugin,
  type Exporter,
  type Plugin,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  file: z.string().default("weights").describe("Name of the files"),
});

/** One line of the index: where the numbers of a tensor are in the file. */
const Index = z.array(z.object({
  name: z.string(),
  shape: z.array(z.int()),
  start: z.int(),
}));

const part = definePart({
  kind: "exporter",
  name: "NAME",
  description: "Weights as one file of float32, with an index in JSON",
  options,
  create: ({ file }): Exporter => ({
    writes: "model", // merged with its adapter; "adapter": without its base
    // how far a stored number may be off, and a log-probability may move
    storageError: () => ({ block: 1, relative: 0 }),
    drift: 1e-3,
    check: () => {}, // throws ConfigError for what the layout cannot hold
    // into an empty folder; gives the names of the files
    async write({ folder, model }) {
      const index: z.output<typeof Index> = [];
      const parts: Float32Array<ArrayBuffer>[] = [];
      let start = 0;
      for (const tensor of model.tensors) {
        const { name, shape } = tensor;
        const count = shape.reduce((a, b) => a * b, 1);
        index.push({ name, shape: [...shape], start });
        // or piece by piece; a copy, because the next call takes the memory
        parts.push((await tensor.read(0, count)).slice());
        start += count;
      }
      const bytes = await new Blob(parts).bytes();
      await Deno.writeFile(\`\${folder}/\${file}.bin\`, bytes);
      await Deno.writeTextFile(\`\${folder}/\${file}.json\`, JSON.stringify(index));
      return [\`\${file}.bin\`, \`\${file}.json\`];
    },
    // what was written, opened again: it is compared with the model
    async read({ folder }) {
      const bytes = await Deno.readFile(\`\${folder}/\${file}.bin\`);
      const values = new Float32Array(bytes.buffer);
      const index = Index.parse(
        JSON.parse(await Deno.readTextFile(\`\${folder}/\${file}.json\`)),
      );
      return {
        tensors: index.map(({ name, shape, start }) => ({
          name,
          shape,
          read: (from: number, count: number) =>
            values.subarray(start + from, start + from + count),
        })),
        // settings, tokenizer, template, stop tokens, where the files have them
        config: null,
        text: null,
        [Symbol.dispose]: () => {}, // closes what is open
      };
    },
  }),
});
`,
  test: `import { makePart, testExporter } from "@denotune/denotune/testing";
import plugin from "./mod.ts";

// what every exporter must do: what it writes reads back the same
testExporter(plugin.name, () => makePart(plugin, "exporter"));
`,
  run: {},
  then: ["export", "outputs/NAME", "--plugin", "./mod.ts", "--to", "NAME"],
};
