import type { KindTemplate } from "../kind_template.ts";

/** JSON Lines with comments. */
export const source: KindTemplate = {
  does: "A source for denotune: it reads JSON Lines with comments.",
  part: `/** JSON Lines with comments. @module */
import {
  DataError,
  definePart,
  definePlugin,
  type Plugin,
  type RecordStore,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  comment: z.string().min(1).default("#").describe(
    "Lines that begin with this text are left out",
  ),
});

const part = definePart({
  kind: "source",
  name: "NAME",
  description: "JSON Lines with comments",
  options,
  create: ({ comment }) => ({
    // by name, or by the first bytes (head) where the name says nothing
    accepts: ({ path }) => path.endsWith(".jsonc-lines"),
    async open({ path, signal }): Promise<RecordStore> {
      signal?.throwIfAborted();
      const text = await Deno.readTextFile(path);
      const lines = text.split("\\n").map((json, i) => ({ json, line: i + 1 }))
        .filter(({ json }) => json.trim() !== "" && !json.startsWith(comment));
      if (lines.length === 0) throw new DataError(\`\${path} has no rows\`);
      return {
        length: lines.length,
        // the same bytes, the same text: a hash, where files are large
        fingerprint: text,
        at(index) {
          if (!(index in lines)) throw new RangeError(\`no row \${index}\`);
          const { json, line } = lines[index];
          try {
            // the value is what formats read; the place is in every message
            return { value: JSON.parse(json), where: { path, line, index } };
          } catch (cause) {
            throw new DataError(\`\${path}:\${line}: no JSON\`, { cause });
          }
        },
        [Symbol.dispose]: () => {}, // closes what is open
      };
    },
  }),
});
`,
  test: `import assert from "node:assert/strict";
import { makePart, testSource } from "@denotune/denotune/testing";
import plugin from "./mod.ts";

// what every source must do, with files that are written of any rows
testSource(plugin.name, {
  make: () => makePart(plugin, "source"),
  fileName: "rows.jsonc-lines",
  write: (rows) => {
    const lines = rows.map((row) => JSON.stringify(row));
    return new TextEncoder().encode(["# rows", ...lines].join("\\n"));
  },
});

// what is special about this one
Deno.test("a line that is no JSON is named, comments counted", async () => {
  const path = await Deno.makeTempFile({ suffix: ".jsonc-lines" });
  try {
    await Deno.writeTextFile(path, "// rows\\n{}\\n{\\n");
    const source = await makePart(plugin, "source", { comment: "//" });
    using store = await source.open({ path, cacheDir: "" });
    assert.deepEqual(store.at(0).where, { path, line: 2, index: 0 });
    assert.throws(() => store.at(1), /:3: no JSON/);
  } finally {
    await Deno.remove(path);
  }
});
`,
  run: {
    data: `data:
  train:
    - path: rows.jsonc-lines
      source: NAME
      format: prompt_completion
  template: { use: plain, separator: " " }
  max_length: 128`,
  },
  files: {
    "rows.jsonc-lines": `# what has which colour
{"prompt":"The sky is","completion":"blue."}
{"prompt":"Grass is","completion":"green."}
# in winter
{"prompt":"Snow is","completion":"white."}
{"prompt":"The sun is","completion":"yellow."}
`,
  },
};
