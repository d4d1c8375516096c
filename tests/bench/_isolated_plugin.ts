/**
 * The parts that `isolated_data.ts` runs in this process and in one of their own.
 * @module
 */
import {
  API_VERSION,
  definePart,
  definePlugin,
  type Format,
  type Masker,
  type Plugin,
  type RecordStore,
  type Rendered,
  type Source,
  type Template,
  type TextSpan,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({});

const source = definePart({
  kind: "source",
  name: "bench-source",
  description: "Lines of JSON",
  options,
  create: (): Source => ({
    accepts: ({ path }) => path.endsWith(".jsonl"),
    open: ({ path }): Promise<RecordStore> => {
      const lines = Deno.readTextFileSync(path).trimEnd().split("\n");
      return Promise.resolve({
        length: lines.length,
        fingerprint: String(lines.length),
        at: (index) => ({
          value: JSON.parse(lines[index]),
          where: { path, index, line: index + 1 },
        }),
        [Symbol.dispose]: () => {},
      });
    },
  }),
});

const format = definePart({
  kind: "format",
  name: "bench-format",
  description: "Instructions with an input",
  options,
  create: (): Format => ({
    recognises: () => 0.1,
    template: "plain",
    parse: ({ value }) => {
      const row = value as Readonly<Record<string, string>>;
      const content = row.input
        ? `${row.instruction}\n\n${row.input}`
        : row.instruction;
      return {
        messages: [
          { role: "user", content },
          { role: "assistant", content: row.output },
        ],
      };
    },
  }),
});

const template = definePart({
  kind: "template",
  name: "bench-template",
  description: "Turns behind their roles",
  options,
  create: (): Template => {
    const write = (
      messages: readonly { readonly role: string; readonly content: string }[],
    ): Rendered => {
      const spans: TextSpan[] = [];
      let text = "";
      for (const [message, { role, content }] of messages.entries()) {
        text += `### ${role}:\n`;
        const start = text.length;
        text += content;
        spans.push({
          start,
          end: text.length,
          role: role === "user" ? "user" : "assistant",
          message,
          kind: "content",
          generated: role === "assistant",
          weight: 1,
        });
        text += "\n\n";
      }
      return { text, spans, addBos: false };
    };
    return {
      stops: [],
      jinja: null,
      render: (example) => write("messages" in example ? example.messages : []),
      prompt: (example) => write("messages" in example ? example.messages : []),
    };
  },
});

const masker = definePart({
  kind: "masker",
  name: "bench-masker",
  description: "What the model writes",
  options,
  create: (): Masker => ({
    weights: ({ spans }) =>
      Float32Array.from(spans, ({ generated }) => generated ? 1 : 0),
  }),
});

const plugin: Plugin = definePlugin({
  name: "bench",
  api: API_VERSION,
  version: "1.0.0",
  parts: [source, format, template, masker],
});
export default plugin;
