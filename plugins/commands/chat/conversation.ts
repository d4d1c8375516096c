/**
 * A conversation that grows: its turns, which of them the model still reads, and its file.
 *
 * ```text
 * system | user assistant | user assistant | user        context: 40 tokens
 *          ^^^^^^^^^^^^^^ no longer read, still saved
 * ```
 * @module
 */
import {
  DataError,
  isPlainObject,
  type Message,
  messageOf,
  readTextUpTo,
  type ToolCall,
} from "@denotune/denotune/core";

/** Bytes of a saved conversation. */
const MOST_BYTES = 50e6;
/** At least so much of the context is left for an answer, where earlier turns can go for it. */
const ANSWER_SHARE = 0.25;

/** What the model reads of a conversation. */
export interface Fitted {
  /** The system prompt and the turns that are read. */
  readonly messages: readonly Message[];
  /** How many of the oldest turns are left out. */
  readonly left: number;
}

/** A conversation: a system prompt and turns. */
export class Conversation {
  /** What stands before the turns; null: nothing. */
  system: string | null;
  readonly #turns: Message[] = [];

  constructor(system: string | null = null) {
    this.system = system;
  }

  /** The turns, the oldest first. */
  get turns(): readonly Message[] {
    return this.#turns;
  }

  /** Adds a turn. */
  add(turn: Message): void {
    this.#turns.push(turn);
  }

  /** Forgets all turns but the first ones; the system prompt stays. */
  keep(turns: number): void {
    this.#turns.length = Math.min(this.#turns.length, turns);
  }

  /** Takes the last turn of the user and what followed it off; gives that turn, or null where there is none. */
  undo(): Message | null {
    const at = this.#turns.findLastIndex(({ role }) => role === "user");
    return at < 0 ? null : this.#turns.splice(at)[0];
  }

  /** Takes the turns after the last one of the user off. False where there is none. */
  forgetAnswer(): boolean {
    const at = this.#turns.findLastIndex(({ role }) => role === "user");
    if (at < 0) return false;
    this.#turns.length = at + 1;
    return true;
  }

  /**
   * The turns that fit a context, with room for an answer: whole exchanges go, the oldest first; the last stays.
   * `tokensOf`: how many tokens the model reads for these messages.
   */
  fitted(
    capacity: number,
    { answer, tokensOf }: {
      readonly answer: number;
      tokensOf(messages: readonly Message[]): number;
    },
  ): Fitted {
    const room = Math.min(answer, Math.floor(capacity * ANSWER_SHARE));
    let left = 0;
    while (true) {
      const messages = this.#from(left);
      if (tokensOf(messages) + room <= capacity) return { messages, left };
      const next = this.#turns.findIndex(({ role }, at) =>
        at > left && role === "user"
      );
      if (next < 0) return { messages, left };
      left = next;
    }
  }

  /** All of it, as a row of the format `messages`. */
  toJson(): string {
    return `${JSON.stringify({ messages: this.#from(0) })}\n`;
  }

  /** Reads a file that {@linkcode toJson} wrote, or the first row of a file of conversations. */
  static read(path: string): Conversation {
    let value: unknown;
    try {
      const text = readTextUpTo(path, MOST_BYTES);
      const [first] = text.split("\n", 1);
      value = JSON.parse(text.trimStart().startsWith("{") ? first : text);
    } catch (cause) {
      throw new DataError(
        `Cannot load the conversation ${path}: ${messageOf(cause)}`,
        { cause },
      );
    }
    const messages = isPlainObject(value) ? value.messages : value;
    if (!Array.isArray(messages)) {
      throw new DataError(
        `Cannot load the conversation ${path}: expected {"messages": [{"role": "user", "content": "..."}]}, as /save writes it`,
      );
    }
    const all = messages.map((written, i) => messageIn(written, i, path));
    const [first] = all;
    const hasSystem = first?.role === "system";
    const read = new Conversation(hasSystem ? first.content : null);
    for (const turn of hasSystem ? all.slice(1) : all) read.add(turn);
    return read;
  }

  #from(turn: number): readonly Message[] {
    const turns = this.#turns.slice(turn);
    return this.system === null
      ? turns
      : [{ role: "system", content: this.system }, ...turns];
  }
}

function messageIn(written: unknown, at: number, path: string): Message {
  if (isPlainObject(written)) {
    const { role, content = "", reasoning_content, tool_calls } = written;
    const isRole = role === "system" || role === "user" ||
      role === "assistant" || role === "tool";
    if (isRole && typeof content === "string") {
      return {
        role,
        content,
        ...(typeof reasoning_content === "string" ? { reasoning_content } : {}),
        ...(Array.isArray(tool_calls)
          ? { tool_calls: tool_calls.flatMap(callIn) }
          : {}),
      };
    }
  }
  throw new DataError(
    `Cannot load the conversation ${path}: message ${
      at + 1
    } needs a role (system, user, assistant or tool) and a content that is text`,
  );
}

function callIn(written: unknown): ToolCall[] {
  if (!isPlainObject(written) || !isPlainObject(written.function)) return [];
  const { name, arguments: values } = written.function;
  return typeof name === "string"
    ? [{ type: "function", function: { name, arguments: values ?? {} } }]
    : [];
}
