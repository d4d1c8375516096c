/**
 * The files of a plugin package that `init --plugin` writes.
 * @module
 */
import { API_VERSION, type Kind, VERSION } from "@denotune/denotune/core";
import type { KindTemplate, RunSections } from "./kind_template.ts";

/** The zod that a package asks for: the one of denotune itself. */
const ZOD = "npm:zod@^4.6.7";

/** What a package is called. */
export interface PackageName {
  /** The plugin, its part, and the folder: `my-masker`. */
  readonly name: string;
  /** The package: `@your-scope/my-masker`. */
  readonly full: string;
  readonly kind: Kind;
  /** Where the checkout of denotune is, from the package; null: denotune comes from a registry. */
  readonly checkout: string | null;
}

/** All files of a package, name -> text. */
export function packageFiles(
  { name, full, kind, checkout }: PackageName,
  template: KindTemplate,
): Record<string, string> {
  const named = (text: string) => text.replaceAll("NAME", name);
  const extra = template.files ?? { "rows.jsonl": ROWS };
  return {
    "deno.json": denoJson(full, checkout),
    "mod.ts": named(template.part) + named(PLUGIN),
    "mod_test.ts": named(template.test),
    "run.yaml": named(runFile(kind, template.run)),
    ...Object.fromEntries(
      Object.entries(extra).map(([file, text]) => [named(file), named(text)]),
    ),
    "README.md": named(readme(kind, template, checkout)),
  };
}

/** The end of every `mod.ts`. */
const PLUGIN = `
const plugin: Plugin = definePlugin({
  name: "NAME",
  api: ${API_VERSION},
  version: "0.1.0",
  parts: [part],
});
export default plugin;
`;

/** Rows that every built-in format of instructions reads. */
const ROWS = [
  ["Name a colour.", "Blue."],
  ["Name a number.", "Seven."],
  ["Name a fruit.", "A ripe pear."],
  ["Name a day.", "Monday, of all days."],
].map(([instruction, output]) => `${JSON.stringify({ instruction, output })}\n`)
  .join("");

function denoJson(full: string, checkout: string | null): string {
  const config = {
    name: full,
    version: "0.1.0",
    license: "MIT",
    exports: "./mod.ts",
    imports: {
      "@denotune/denotune": `jsr:@denotune/denotune@^${VERSION}`,
      zod: ZOD,
    },
    // the names of the published package are then those of the checkout; it may go before `deno publish`
    ...(checkout === null ? {} : { links: [checkout] }),
    // what runs write
    exclude: ["outputs"],
  };
  // a list of one stays on its line, as the formatter has it
  return JSON.stringify(config, null, 2).replaceAll(
    /\[\s*("[^"]*")\s*\]/g,
    "[$1]",
  ) + "\n";
}

const DEFAULT_RUN: RunSections = {
  plugins: "plugins: [./mod.ts]",
  model: `model:
  from_config:
    model_type: llama
    vocab_size: 259
    hidden_size: 32
    intermediate_size: 64
    num_hidden_layers: 2
    num_attention_heads: 4
    num_key_value_heads: 2
    max_position_embeddings: 128
    tie_word_embeddings: true`,
  tokenizer: "tokenizer: byte",
  data: `data:
  train: [{ path: rows.jsonl, format: alpaca }]
  template: { use: plain, separator: "\\n" }
  max_length: 128`,
  more: "",
};

function runFile(kind: Kind, run: Partial<RunSections>): string {
  const { plugins, model, tokenizer, data, more } = { ...DEFAULT_RUN, ...run };
  const sections = [
    `# A few steps with this ${kind}: a tiny model from random weights.`,
    "output_dir: outputs/NAME",
    ...(plugins === "" ? [] : [plugins]),
    model,
    tokenizer,
    data,
    ...(more === "" ? [] : [more]),
    // the default is for trained models; random weights learn nothing by it
    ...(/^optimizer:/m.test(more)
      ? []
      : ["optimizer: { use: adamw, learning_rate: 2.0e-3 }"]),
    "training: { epochs: 2, batch_size: 2, logging_steps: 1 }",
  ];
  return sections.join("\n") + "\n";
}

function readme(
  kind: Kind,
  template: KindTemplate,
  checkout: string | null,
): string {
  const own = "jsr:@denotune/denotune";
  const program = checkout === null ? own : `${checkout}/mod.ts`;
  const commands = ["train run.yaml"];
  if (template.then !== undefined) commands.push(template.then.join(" "));
  return `# NAME

${template.does}

\`\`\`sh
deno test -A
${
    commands.map((words) => `deno run -A ${program} ${words}`).join(
      "\n",
    )
  }
\`\`\`

The first \`deno test\` checks the types of denotune too, which takes a while;
\`--no-check\` skips it.

- \`mod.ts\` has the ${kind}, with its options.
- \`mod_test.ts\` calls the tests that every ${kind} must pass.
- \`run.yaml\` uses it.
${
    checkout === null ? "" : `
Without the checkout, write \`${own}\` in place of that path, and
remove \`links\` from \`deno.json\`.
`
  }
Before \`deno publish\`, put your own scope, licence and version in \`deno.json\`.
`;
}
