/**
 * Small parts that data tests share: a template, a tokenizer of words, a host.
 * @module
 */
import { rowsStore } from "../../../core/data/rows_store.ts";
import type {
  AnyPart,
  Encoding,
  Example,
  Format,
  Host,
  Kind,
  KindMap,
  ParsedExample,
  Rendered,
  Template,
  TextSpan,
  Tokenizer,
} from "@denotune/denotune/core";
import { testHost } from "../../conformance/host.ts";
import { byteTokenizer } from "../../../plugins/tokenizers/byte.ts";

/** The end of a turn in {@linkcode chatTemplate}. */
export const END = "<|eos|>";

/** Writes `<role>content<|eos|>\n`; prompts, completions and texts as they are, with the end after them. */
export const chatTemplate: Template = {
  stops: [END],
  jinja: null,
  prompt: () => {
    throw new Error("not used in these tests");
  },
  render(example: Example): Rendered {
    const spans: TextSpan[] = [];
    let text = "";
    const write = (
      content: string,
      span: Omit<TextSpan, "start" | "end">,
    ): void => {
      spans.push({
        ...span,
        start: text.length,
        end: text.length + content.length,
      });
      text += content;
    };
    if ("messages" in example) {
      for (
        const [m, { role, content, input, weight = 1 }] of example.messages
          .entries()
      ) {
        const generated = role === "assistant";
        text += `<${role}>`;
        write(content, {
          role,
          message: m,
          kind: "content",
          generated,
          weight,
        });
        if (input !== undefined) {
          text += "\n\n";
          write(input, {
            role,
            message: m,
            kind: "content",
            generated,
            weight,
          });
        }
        write(END, { role, message: m, kind: "end", generated, weight });
        text += "\n";
      }
    } else if ("prompt" in example) {
      write(example.prompt, {
        role: "prompt",
        message: 0,
        kind: "content",
        generated: false,
        weight: 1,
      });
      write(example.completion, {
        role: "completion",
        message: 1,
        kind: "content",
        generated: true,
        weight: 1,
      });
      write(END, {
        role: "completion",
        message: 1,
        kind: "end",
        generated: true,
        weight: 1,
      });
    } else {
      write(example.text, {
        role: "text",
        message: 0,
        kind: "content",
        generated: true,
        weight: 1,
      });
      write(END, {
        role: "text",
        message: 0,
        kind: "end",
        generated: true,
        weight: 1,
      });
    }
    return { text, spans, addBos: true };
  },
};

/** One token a byte. */
export function bytes(addBos = false): Tokenizer {
  return byteTokenizer({ add_bos: addBos });
}

/** Words with the blank before them as one token, as byte-level BPE has them: straddles are easy to make. */
export function words(): Tokenizer {
  const vocabulary: string[] = [END];
  const base = bytes();
  const idOf = (token: string): number => {
    const known = vocabulary.indexOf(token);
    return known !== -1 ? known : vocabulary.push(token) - 1;
  };
  return {
    ...base,
    vocabSize: 10_000,
    addsBos: false,
    specialIds: { bos: null, eos: 0, pad: 0, unk: null }, // pad == eos, as many have it
    encode(text: string): Encoding {
      const matches = [
        ...text.matchAll(/<\|eos\|>| ?[\p{L}\p{N}]+|[^\p{L}\p{N}]/gu),
      ];
      return {
        ids: Int32Array.from(matches, (match) => idOf(match[0])),
        starts: Int32Array.from(matches, (match) => match.index),
        ends: Int32Array.from(
          matches,
          (match) => match.index + match[0].length,
        ),
      };
    },
    decode: (ids) => [...ids].map((id) => vocabulary[id]).join(""),
    tokenOf: (id) => vocabulary[id] ?? null,
    idOf: (token) => Math.max(-1, vocabulary.indexOf(token)),
    isSpecial: (id) => id === 0,
  };
}

/** A format whose rows are examples already. */
export const asIs: Format = {
  template: "plain",
  recognises: () => 1,
  parse: ({ value }) => value as Example,
};

/** A store of examples. */
export function storeOf(
  examples: readonly ParsedExample[],
): ReturnType<typeof rowsStore> {
  return rowsStore(examples);
}

/** Makes a part with its default options, or these. */
export async function make<K extends Kind>(
  kind: K,
  part: AnyPart,
  options: Record<string, unknown> = {},
  host: Host = hostOf([]),
): Promise<KindMap[K]> {
  const checked = await part.options["~standard"].validate(options);
  if (checked.issues !== undefined) {
    throw new Error(JSON.stringify(checked.issues));
  }
  if (part.kind !== kind) throw new Error(`${part.name} is no ${kind}`);
  return await part.create(checked.value, host) as KindMap[K];
}

/** A host that knows these parts. */
export function hostOf(parts: readonly AnyPart[]): Host {
  return testHost({
    create: async (kind, choice) => {
      const part = parts.find((p) => p.kind === kind && p.name === choice);
      if (part === undefined) throw new Error(`no part ${String(choice)}`);
      return await make(kind, part);
    },
  });
}
