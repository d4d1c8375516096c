import type { KindTemplate } from "../kind_template.ts";

/** Questions with choices, the right one by its index. */
export const format: KindTemplate = {
  does:
    "A format for denotune: questions with choices, the right one by its index.",
  part: `/** Questions with choices, the right one by its index. @module */
import {
  DataError,
  definePart,
  definePlugin,
  describeWhere,
  type Plugin,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  bullet: z.string().default("- ").describe("Text in front of each choice"),
});

const Row = z.object({
  question: z.string(),
  choices: z.array(z.string()).min(2),
  answer: z.int().min(0),
});

const part = definePart({
  kind: "format",
  name: "NAME",
  description: "question, choices, answer (the index of the right choice)",
  options,
  create: ({ bullet }) => ({
    template: "plain", // where the tokenizer has no chat template
    // 0: cannot read it; 1: certainly mine. Never throws.
    recognises: (value) => Row.safeParse(value).success ? 0.9 : 0,
    // an example: {messages}, {prompt, completion}, {text} or {ids}
    parse({ value, where }) {
      const { data, error } = Row.safeParse(value);
      if (data === undefined || !(data.answer in data.choices)) {
        const why = error ? z.prettifyError(error) : "no such answer";
        throw new DataError(\`\${describeWhere(where)}: \${why}\`);
      }
      const list = data.choices.map((text) => \`\${bullet}\${text}\\n\`).join("");
      return {
        prompt: \`\${data.question}\\n\${list}Answer:\`,
        completion: \` \${data.choices[data.answer]}\`,
      };
    },
  }),
});
`,
  test: `import { makePart, testFormat } from "@denotune/denotune/testing";
import plugin from "./mod.ts";

// what every format must do, and what this one makes of its rows
testFormat(plugin.name, {
  make: () => makePart(plugin, "format"),
  rows: [{
    row: { question: "Which is a fruit?", choices: ["Pear", "Oak"], answer: 0 },
    example: {
      prompt: "Which is a fruit?\\n- Pear\\n- Oak\\nAnswer:",
      completion: " Pear",
    },
  }],
  refused: [
    { row: { question: "Why?", choices: ["So", "So"] }, message: /answer/ },
    {
      row: { question: "Why?", choices: ["So", "So"], answer: 2 },
      message: /no such answer/,
    },
  ],
});
`,
  run: {
    data: `data:
  train: [{ path: rows.jsonl, format: NAME }]
  max_length: 128`,
  },
  files: {
    "rows.jsonl":
      `{"question":"Which is a fruit?","choices":["Pear","Oak"],"answer":0}
{"question":"Which is a tree?","choices":["Pear","Oak"],"answer":1}
{"question":"Which is a number?","choices":["Blue","Seven","Up"],"answer":1}
{"question":"Which is a colour?","choices":["Blue","Seven","Up"],"answer":0}
`,
  },
};
