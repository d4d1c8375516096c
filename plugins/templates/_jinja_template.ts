/**
 * A template from the source of a Jinja chat template.
 * @module
 */
import {
  DataError,
  type Example,
  type Message,
  type PromptRequest,
  type Rendered,
  type SpecialTokens,
  type Template,
} from "@denotune/denotune/core";
import { type EndMarkers, findSpans, markerOf } from "./_jinja_spans.ts";
import { asMessages, asPrompt, promptMessages, renderText } from "./_render.ts";
import { type RunNotes, runTemplate } from "./jinja/interpreter.ts";
import { readTemplate } from "./jinja/syntax.ts";
import {
  type Field,
  FIELDS,
  messageOf,
  tagOf,
  type Traced,
} from "./jinja/traced.ts";
import { Dict, JinjaError, List, toValue, type Value } from "./jinja/values.ts";

/** What a chat template is made from. */
export interface JinjaTemplateOptions {
  readonly source: string;
  /** Where it came from, for errors. */
  readonly where: string;
  readonly specialTokens: SpecialTokens;
  /** What `strftime_now` writes: one day for the whole run. */
  readonly now: Date;
  /** Further variables: `enable_thinking` and the like. */
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Makes a template. Throws `DataError` for a source that cannot be read. */
export function jinjaTemplate(options: JinjaTemplateOptions): Template {
  return new JinjaTemplate(options);
}

class JinjaTemplate implements Template {
  readonly jinja: string;
  readonly #options: JinjaTemplateOptions;
  readonly #program: ReturnType<typeof readTemplate>;
  readonly #mayReadInput: boolean;
  readonly #leads = new Map<string, number>();
  #markers: EndMarkers | null;

  constructor(options: JinjaTemplateOptions) {
    this.jinja = options.source;
    this.#options = options;
    this.#mayReadInput = /\binput\b/.test(options.source);
    try {
      this.#program = readTemplate(options.source);
    } catch (cause) {
      if (!(cause instanceof JinjaError)) throw cause;
      throw new DataError(`Cannot read ${options.where}: ${cause.message}`, {
        cause,
      });
    }
    this.#markers = this.#findMarkers([null, []]);
  }

  get stops(): readonly string[] {
    const { eos } = this.#options.specialTokens;
    const { last, inner } = this.#markers ?? { last: eos ?? "", inner: "" };
    return [...new Set([last.trim(), inner.trim()])].filter((stop) =>
      stop !== ""
    );
  }

  render(example: Example): Rendered {
    if ("text" in example) {
      return renderText(example.text, this.#options.specialTokens.eos ?? "");
    }
    const tools = "messages" in example ? example.tools : undefined;
    const rendered = this.#render(asMessages(example), tools, false);
    return "messages" in example ? rendered : asPrompt(rendered);
  }

  prompt(request: PromptRequest): Rendered {
    if ("messages" in request) {
      return this.#render(request.messages, request.tools, true);
    }
    return asPrompt(this.#render(promptMessages(request), undefined, true));
  }

  #render(
    messages: readonly Message[],
    tools: readonly unknown[] | undefined,
    prompt: boolean,
  ): Rendered {
    const traced = this.#run(messages, tools ?? null, prompt);
    this.#markers ??= this.#findMarkers([tools ?? null]);
    const spans = findSpans(traced, messages, {
      markers: this.#markers ?? { last: "", inner: "" },
      lead: (index, start, literal) => {
        const before = messages.slice(0, index);
        return this.#lead(before, tools ?? null, {
          text: traced.text,
          start,
          literal,
        });
      },
    });
    const { bos } = this.#options.specialTokens;
    const wroteBos = bos !== null && bos !== "" && traced.text.startsWith(bos);
    return { text: traced.text, spans, addBos: !wroteBos };
  }

  #run(
    messages: readonly Message[],
    tools: readonly unknown[] | null,
    prompt: boolean,
  ): Traced {
    const hasInput = messages.some(({ input }) =>
      input !== undefined && input !== ""
    );
    const notes: RunNotes = { message: null, readsInput: false };
    const run = (apart: boolean): Traced => {
      try {
        return runTemplate(
          this.#program,
          this.#variables(messages, tools, prompt, apart),
          {
            now: this.#options.now,
            notes,
          },
        );
      } catch (cause) {
        if (!(cause instanceof JinjaError)) throw cause;
        throw new DataError(explain(cause.message, messages, notes.message), {
          cause,
        });
      }
    };
    if (!hasInput || !this.#mayReadInput) return run(false);
    const apart = run(true);
    return notes.readsInput ? apart : run(false);
  }

  #variables(
    messages: readonly Message[],
    tools: readonly unknown[] | null,
    prompt: boolean,
    inputApart: boolean,
  ): Map<string, Value> {
    const { bos, eos, pad, unk } = this.#options.specialTokens;
    const variables = new Map<string, Value>();
    for (const [name, token] of Object.entries({ bos, eos, pad, unk })) {
      if (token !== null) variables.set(`${name}_token`, toValue(token));
    }
    for (const [name, value] of Object.entries(this.#options.variables)) {
      variables.set(name, toValue(value));
    }
    variables.set(
      "messages",
      new List(
        messages.map((message, i) => messageValue(message, i, inputApart)),
      ),
    );
    variables.set("tools", toValue(tools));
    variables.set("documents", null);
    variables.set("add_generation_prompt", prompt);
    return variables;
  }

  /** Renders what must not fail: null where the template refuses. */
  #try(
    messages: readonly Message[],
    tools: readonly unknown[] | null,
    prompt: boolean,
  ): Traced | null {
    try {
      return this.#run(messages, tools, prompt);
    } catch (error) {
      if (error instanceof DataError) return null;
      throw error;
    }
  }

  /** Looks at short conversations to see how turns end. Null where the template refuses them all. */
  #findMarkers(
    tools: readonly (readonly unknown[] | null)[],
  ): EndMarkers | null {
    const user: Message = { role: "user", content: "Question" };
    const answer: Message = { role: "assistant", content: "Answer" };
    const system: Message = { role: "system", content: "Rules" };
    for (const list of tools) {
      for (const front of [[], [system]]) {
        const conversation = [...front, user, answer];
        const end = this.#try(conversation, list, false);
        if (end === null) continue;
        const index = conversation.length - 1;
        const { eos } = this.#options.specialTokens;
        const following = textAfter(end, index);
        if (following === null) continue;
        const last = markerOf(following, eos);
        const longer = this.#try([...conversation, user, answer], list, false);
        const inner = longer === null ? null : textAfter(longer, index);
        if (longer === null || inner === null) return { last, inner: last };
        if (last !== "" && inner.startsWith(last)) return { last, inner: last };
        // another end in the middle: take off what opens the next turn, as it opened the first
        const opening = commonSuffix(inner, textBefore(longer, front.length));
        return {
          last,
          inner: markerOf(inner.slice(0, inner.length - opening), eos),
        };
      }
    }
    return null;
  }

  /** How much of the text before an answer the model writes itself: what the prompt does not hold. */
  #lead(
    before: readonly Message[],
    tools: readonly unknown[] | null,
    place: AnswerPlace,
  ): number {
    const known = this.#leads.get(place.literal);
    if (known !== undefined) return known;
    const lead = this.#measureLead(before, tools, place);
    if (this.#leads.size > 1024) this.#leads.clear();
    this.#leads.set(place.literal, lead);
    return lead;
  }

  #measureLead(
    before: readonly Message[],
    tools: readonly unknown[] | null,
    { text, start, literal }: AnswerPlace,
  ): number {
    const prompt = this.#try(before, tools, true)?.text;
    if (prompt === undefined) return 0;
    if (prompt.length <= start && text.startsWith(prompt)) {
      return Math.min(literal.length, start - prompt.length);
    }
    // the prompt is not what stands there (open thoughts, say): line its own part up with the text
    const without = this.#try(before, tools, false)?.text ?? "";
    const generation = prompt.startsWith(without)
      ? prompt.slice(without.length)
      : "";
    let best = 0;
    let lead = 0;
    for (let at = 0; generation !== "" && at < literal.length; at++) {
      let same = 0;
      while (
        same < generation.length && literal[at + same] === generation[same]
      ) same++;
      if (same > best) {
        best = same;
        lead = literal.length - at - same;
      }
    }
    return lead;
  }
}

/** Where an answer begins in a rendering. */
interface AnswerPlace {
  readonly text: string;
  readonly start: number;
  /** The template's own text before it. */
  readonly literal: string;
}

/** The text before the first character of a message, and after its last one. */
function textBefore(rendered: Traced, message: number): string {
  let start = 0;
  for (const { end, tag } of rendered.runs) {
    if (messageOf(tag) === message) return rendered.text.slice(0, start);
    start = end;
  }
  return rendered.text;
}

function textAfter(rendered: Traced, message: number): string | null {
  const last = rendered.runs.findLastIndex(({ tag }) =>
    messageOf(tag) === message
  );
  if (last < 0) return null;
  const next = rendered.runs.findIndex(({ tag }, i) =>
    i > last && messageOf(tag) !== null
  );
  const until = next < 0 ? rendered.text.length : rendered.runs[next - 1].end;
  return rendered.text.slice(rendered.runs[last].end, until);
}

function commonSuffix(a: string, b: string): number {
  let length = 0;
  while (
    length < a.length && length < b.length &&
    a.at(-1 - length) === b.at(-1 - length)
  ) length++;
  return length;
}

/** A message as the template sees it: as transformers would, without what is only ours. */
function messageValue(
  message: Message,
  index: number,
  inputApart: boolean,
): Dict {
  const { weight: _, input, content, ...rest } = message;
  const joined = input === undefined || input === "" || inputApart
    ? content
    : `${content}\n\n${input}`;
  const entries = new Map<string, Value>();
  const tagFor = (name: string): number => {
    const field = FIELDS.find((known) => known === name) ??
      "other" satisfies Field;
    return tagOf(index, field);
  };
  entries.set("role", toValue(message.role));
  entries.set("content", toValue(joined, tagFor("content")));
  if (inputApart && input !== undefined) {
    entries.set("input", toValue(input, tagFor("content")));
  }
  for (const [name, value] of Object.entries(rest)) {
    if (name !== "role" && value !== undefined) {
      entries.set(name, toValue(value, tagFor(name)));
    }
  }
  if (rest.reasoning_content !== undefined) { // some templates call it so
    entries.set(
      "thinking",
      toValue(rest.reasoning_content, tagFor("reasoning_content")),
    );
  }
  return new Dict(entries, index);
}

function explain(
  reason: string,
  messages: readonly Message[],
  index: number | null,
): string {
  const at = index === null
    ? ""
    : ` at message ${index} (role ${messages[index]?.role})`;
  const roles = messages.map(({ role }) => role).join(", ");
  return `The chat template cannot write this conversation${at}: ${reason} (roles: ${roles})`;
}
