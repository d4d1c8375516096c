import type { KindTemplate } from "../kind_template.ts";

/** The longest training examples of a run. */
export const command: KindTemplate = {
  does:
    "A command for denotune: it shows the longest training examples of a run.",
  part: `/** The longest training examples of a run. @module */
import {
  defineCommand,
  definePart,
  definePlugin,
  library,
  loadAskedRun,
  type Plugin,
} from "@denotune/denotune/core";
import { z } from "zod";

const part = definePart({
  kind: "command",
  name: "NAME",
  description: "show the training examples with the most tokens",
  options: z.strictObject({}), // of the part; those of the command follow
  create: () =>
    defineCommand({
      arguments: [{ name: "run", description: "a run file", repeated: true }],
      // each becomes a flag: --count 5
      options: z.strictObject({
        count: z.int().min(1).default(3).describe("how many examples"),
      }),
      // results go to out, everything else to err; errors are thrown
      async run({ count }, context) {
        const { run } = await loadAskedRun(context);
        const examples = await library.inspectRun(run, { examples: Infinity });
        examples.sort((a, b) => b.tokens.length - a.tokens.length);
        for (const { source, row, tokens } of examples.slice(0, count)) {
          context.out.line(\`\${tokens.length} tokens  \${source} row \${row}\`);
        }
      },
    }),
});
`,
  test: `import assert from "node:assert/strict";
import { runCommand, testCommand } from "@denotune/denotune/testing";
import plugin from "./mod.ts";

const [command] = plugin.parts;
if (command.kind !== "command") throw new TypeError("not a command");

// what every command must do
testCommand(command);

// what is special about this one
Deno.test("the longest examples come first", async () => {
  const run = new URL("./run.yaml", import.meta.url).pathname;
  // the words are those of the command line
  const { code, out, err } = await runCommand(command, [
    command.name,
    run,
    "--count",
    "2",
  ]);
  assert.equal(code, 0, err);
  assert.match(out, /^\\d+ tokens .*row 3\\n\\d+ tokens .*row 2\\n$/);
});
`,
  // a command is named by --plugin: a run file is read after it is known
  run: { plugins: "" },
  then: ["NAME", "run.yaml", "--plugin", "./mod.ts"],
};
