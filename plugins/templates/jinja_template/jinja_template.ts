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
import { findSpans } from "./jinja_spans.ts";
import {
  hasTextArguments,
  type MessageShape,
  MessageValues,
} from "./message_values.ts";
import { probe, type Probed } from "./probe.ts";
import {
  asMessages,
  asPrompt,
  promptMessages,
  renderText,
} from "../_render.ts";
import type { BudgetLimits } from "../jinja/budget.ts";
import { BudgetError, JinjaError } from "../jinja/error.ts";
import { runTemplate } from "../jinja/interpreter.ts";
import { readTemplate } from "../jinja/syntax/read_template.ts";
import type { RunNotes } from "../jinja/run_notes.ts";
import { toValue } from "../jinja/to_value.ts";
import type { Traced } from "../jinja/traced.ts";
import { List, type Value } from "../jinja/values.ts";

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
  /** Tokens at which the model stops, as its config lists them, beside the tokenizer's end of sequence. */
  readonly modelEnds?: readonly string[];
  /** What a rendering may cost; absent: what no template needs. */
  readonly limits?: BudgetLimits;
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
  readonly #values = new MessageValues();
  /** What conversations without tools show; with tools, where the template takes no others. */
  readonly #probed: Probed | null;

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
    this.#probed = this.#probe(null) ?? this.#probe([]);
  }

  get stops(): readonly string[] {
    if (this.#probed === null) return this.#ends();
    const { stops, markers } = this.#probed;
    // where nothing closes the last answer, the model ends it as its config says: with the next turn's tag, say
    const more = markers.last === "" ? this.#options.modelEnds ?? [] : [];
    return [...new Set([...stops, ...more])];
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
    const conversation = { messages, tools: tools ?? null };
    const traced = this.#run(conversation, prompt);
    // a template may take no conversation without tools
    const probed = this.#probed ?? this.#probe(tools ?? null);
    const spans = findSpans(traced, messages, {
      markers: probed?.markers ?? { last: "", inner: "" },
      ends: this.#ends(),
      probing: false,
      opening: probed?.opening ?? null,
      before: (index, prompt) =>
        this.#try(
          { ...conversation, messages: messages.slice(0, index) },
          prompt,
        ),
    });
    // BOS is the chat template's own business: `apply_chat_template` adds none to what it wrote, either
    return { text: traced.text, spans, addBos: false };
  }

  #run(conversation: Conversation, prompt: boolean): Traced {
    const { messages } = conversation;
    const hasInput = messages.some(({ input }) =>
      input !== undefined && input !== ""
    );
    const notes: RunNotes = { message: null, readsInput: false };
    const run = (inputApart: boolean, argumentsAsText: boolean): Traced => {
      try {
        return runTemplate(
          this.#program,
          this.#variables(conversation, prompt, {
            inputApart,
            argumentsAsText,
          }),
          {
            now: this.#options.now,
            notes,
            limits: this.#options.limits,
          },
        );
      } catch (cause) {
        if (!(cause instanceof JinjaError)) throw cause;
        if (cause instanceof BudgetError) throw this.#tooCostly(cause);
        // DeepSeek's and Apertus' write `... + arguments`, which takes the JSON that OpenAI's rows have
        if (!argumentsAsText && hasTextArguments(messages)) {
          return run(inputApart, true);
        }
        throw new DataError(explain(cause.message, messages, notes.message), {
          cause,
        });
      }
    };
    if (!hasInput || !this.#mayReadInput) return run(false, false);
    const apart = run(true, false);
    return notes.readsInput ? apart : run(false, false);
  }

  #variables(
    { messages, tools }: Conversation,
    prompt: boolean,
    shape: MessageShape,
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
        messages.map((message, i) => this.#values.of(message, i, shape)),
      ),
    );
    variables.set("tools", toValue(tools));
    variables.set("documents", null);
    variables.set("add_generation_prompt", prompt);
    return variables;
  }

  #ends(): readonly string[] {
    const { specialTokens: { eos }, modelEnds = [] } = this.#options;
    return [...new Set([eos ?? "", ...modelEnds])].filter((end) => end !== "");
  }

  #probe(tools: readonly unknown[] | null): Probed | null {
    return probe(
      (messages, prompt) => this.#try({ messages, tools }, prompt),
      this.#ends(),
    );
  }

  #tooCostly(cause: BudgetError): DataError {
    return new DataError(
      `Cannot run ${this.#options.where}: ${cause.message}; choose another one with data.template`,
      { cause },
    );
  }

  /** Renders what may be refused: null where the template does so. */
  #try(conversation: Conversation, prompt: boolean): Traced | null {
    try {
      return this.#run(conversation, prompt);
    } catch (error) {
      const costs = error instanceof DataError &&
        error.cause instanceof BudgetError;
      if (error instanceof DataError && !costs) return null;
      throw error;
    }
  }
}

/** What is rendered. */
interface Conversation {
  readonly messages: readonly Message[];
  readonly tools: readonly unknown[] | null;
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
