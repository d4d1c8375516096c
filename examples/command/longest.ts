/** A plugin with a command: `longest run.yaml` shows the training examples with the most tokens. @module */
import {
  defineCommand,
  definePart,
  definePlugin,
  library,
  loadAskedRun,
} from "@denotune/denotune/core";
import { z } from "zod";

const longest = definePart({
  kind: "command",
  name: "longest",
  description: "show the training examples with the most tokens",
  options: z.strictObject({}),
  create: () =>
    defineCommand({
      arguments: [{ name: "run", description: "a run file", repeated: true }],
      options: z.strictObject({
        count: z.int().min(1).default(3).describe("how many examples"),
      }),
      async run({ count }, context) {
        const { run } = await loadAskedRun(context);
        const examples = await library.inspectRun(run, { examples: Infinity });
        examples.sort((a, b) => b.tokens.length - a.tokens.length);
        for (const { source, row, tokens } of examples.slice(0, count)) {
          context.out.line(`${tokens.length} tokens  ${source} row ${row}`);
        }
      },
    }),
});

export default definePlugin({
  name: "longest-example",
  api: 1,
  parts: [longest],
});
