import type { KindTemplate } from "../kind_template.ts";

/** Turns as lines, each with the name of its role. */
export const template: KindTemplate = {
  does:
    "A template for denotune: turns as lines, each with the name of its role.",
  part: `/** Turns as lines, each with the name of its role. @module */
import {
  definePart,
  definePlugin,
  type Message,
  type Plugin,
  type Rendered,
  type TextSpan,
  tokenizerOf,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  separator: z.string().default(": ").describe(
    "Text between the name of a role and what it says",
  ),
});

const part = definePart({
  kind: "template",
  name: "NAME",
  description: "Turns as lines, each with the name of its role",
  options,
  create({ separator }, host) {
    const end = tokenizerOf(host).specialTokens.eos ?? "";

    // Text, and which characters of it came from where. Spans are ranges of
    // UTF-16 units, in order; text between them is never trained. What the
    // model writes itself, an answer and its end, is \`generated\`.
    function write(turns: readonly Turn[]): Rendered {
      const spans: TextSpan[] = [];
      let text = "";
      for (const [message, { name, role, said, weight }] of turns.entries()) {
        const generated = name === "assistant";
        const add = (kind: "content" | "end", more: string) => {
          const start = text.length;
          text += more;
          if (more === "") return;
          const range = { start, end: text.length };
          spans.push({ kind, role, message, generated, weight, ...range });
        };
        text += \`\${name}\${separator}\`;
        for (const each of said) add("content", each);
        if (generated) add("end", end);
        text += "\\n";
      }
      return { text, spans, addBos: true };
    }

    return {
      stops: [end], // texts that end an answer
      jinja: null, // a Jinja template that writes the same; null: none
      render(example) {
        if ("messages" in example) return write(example.messages.map(turnOf));
        if ("prompt" in example) {
          const { prompt, completion } = example;
          return write([
            { name: "user", role: "prompt", said: [prompt], weight: 1 },
            {
              name: "assistant",
              role: "completion",
              said: [completion],
              weight: 1,
            },
          ]);
        }
        // a text is trained as it is, and ends once
        const text = example.text.endsWith(end)
          ? example.text.slice(0, example.text.length - end.length)
          : example.text;
        const span = {
          role: "text",
          message: 0,
          generated: true,
          weight: 1,
        } as const;
        const middle = text.length;
        return {
          text: text + end,
          spans: [
            { ...span, kind: "content", start: 0, end: middle },
            { ...span, kind: "end", start: middle, end: middle + end.length },
          ],
          addBos: true,
        };
      },
      // the same up to where the model starts to answer
      prompt(request) {
        const { text, spans, addBos } = write(
          "messages" in request ? request.messages.map(turnOf) : [{
            name: "user",
            role: "prompt",
            said: [request.prompt],
            weight: 1,
          }],
        );
        return { text: \`\${text}assistant\${separator}\`, spans, addBos };
      },
    };
  },
});

/** A line. */
interface Turn {
  readonly name: string;
  readonly role: TextSpan["role"];
  readonly said: readonly string[];
  readonly weight: number;
}

function turnOf({ role, content, input, weight = 1 }: Message): Turn {
  const said = input === undefined ? [content] : [content, input];
  return { name: role, role, said, weight };
}
`,
  test: `import assert from "node:assert/strict";
import { makePart, testTemplate } from "@denotune/denotune/testing";
import plugin from "./mod.ts";

// what every template must do
testTemplate(plugin.name, (host) => makePart(plugin, "template", {}, host));

// what is special about this one
Deno.test("turns are lines", async () => {
  const template = await makePart(plugin, "template", { separator: " - " });
  const { text } = template.render({ prompt: "1 + 1", completion: "2" });
  assert.equal(text, "user - 1 + 1\\nassistant - 2</s>\\n");
});
`,
  run: {
    data: `data:
  train: [{ path: rows.jsonl, format: alpaca }]
  template: NAME
  max_length: 128`,
  },
};
