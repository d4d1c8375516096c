/**
 * One plugin as its author would write it for each place that it can come from: a masker, in two modules.
 * @module
 */

/** Where its author publishes it. */
export interface PluginOrigin {
  /** Of the plugin and of its part. */
  readonly name: string;
  /** How it imports zod. */
  readonly zod: string;
  /** How it imports core; null: it does without. */
  readonly core: string | null;
}

/** Its modules, path -> text. */
export function pluginFiles(
  { name, zod, core }: PluginOrigin,
): Record<string, string> {
  const helpers = core === null
    ? `const definePart = (part) => part;
const definePlugin = (plugin) => plugin;`
    : `import { definePart, definePlugin } from "${core}";`;
  return {
    "index.js": `import { z } from "${zod}";
import { weigh } from "./lib/weigh.js";
${helpers}

const part = definePart({
  kind: "masker",
  name: "${name}",
  description: "Trains the first tokens",
  options: z.strictObject({ first: z.int().default(8).describe("Tokens") }),
  create: ({ first }) => weigh(first),
});
export default definePlugin({ name: "${name}", api: 1, version: "1.2.0", parts: [part] });
`,
    "lib/weigh.js": `/** Weights of the first tokens of an answer. */
export function weigh(first) {
  return {
    weights: ({ spans }) => Float32Array.from(spans, (span) => span.generated ? 1 : 0),
    tokenWeights: (_, weights) => {
      let at = 0;
      return weights.map((weight) => (at = weight === 0 ? 0 : at + 1) <= first ? weight : 0);
    },
  };
}
`,
  };
}

/** The same as a package of JSR, in TypeScript, which `deno publish` takes. */
export function jsrPluginFiles(version: string): Record<string, string> {
  return {
    "deno.json": JSON.stringify({
      name: "@acme/from-jsr",
      version: "1.2.0",
      license: "MIT",
      exports: "./mod.ts",
      imports: {
        "@denotune/denotune": `jsr:@denotune/denotune@^${version}`,
        zod: "npm:zod@^4.6.7",
      },
    }),
    "mod.ts": `/** Trains the first tokens. @module */
import { definePart, definePlugin, type Plugin } from "@denotune/denotune/core";
import { z } from "zod";
import { weigh } from "./lib/weigh.ts";

const part = definePart({
  kind: "masker",
  name: "from-jsr",
  description: "Trains the first tokens",
  options: z.strictObject({ first: z.int().default(8).describe("Tokens") }),
  create: ({ first }) => weigh(first),
});
const plugin: Plugin = definePlugin({ name: "from-jsr", api: 1, version: "1.2.0", parts: [part] });
export default plugin;
`,
    "lib/weigh.ts": `/** What the masker does. @module */
import type { Masker } from "@denotune/denotune/core";

/** Weights of the first tokens of an answer. */
export function weigh(first: number): Masker {
  return {
    weights: ({ spans }) => Float32Array.from(spans, (span) => span.generated ? 1 : 0),
    tokenWeights: (_, weights) => {
      let at = 0;
      return weights.map((weight) => (at = weight === 0 ? 0 : at + 1) <= first ? weight : 0);
    },
  };
}
`,
  };
}
