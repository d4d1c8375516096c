/**
 * A model that is talked to: messages become answers, commands change the conversation.
 * @module
 */
import {
  type CommandContext,
  type GenerateOptions,
  harmless,
  isDenotuneError,
  type LoadedModel,
  messageOf,
  replyMarks,
  ReplyParser,
  writeFileAtomic,
} from "@denotune/denotune/core";
import { besideEachOther, columnWidth, keptScreen } from "./columns.ts";
import { Conversation } from "./conversation.ts";
import { PlainReply, type ReplyView, TerminalReply } from "./show_reply.ts";
import { readTyped, slashHelp, type SlashName } from "./slash.ts";

/** One who answers: an adapter, or the base, with a conversation of its own. */
export interface Voice {
  readonly name: string;
  /** Null: the base alone. */
  readonly adapter: string | null;
}

/** What a session is made of. */
export interface SessionOptions {
  readonly model: LoadedModel;
  readonly context: CommandContext;
  /** Those who answer each message; one, where nothing is compared. */
  readonly voices: readonly Voice[];
  readonly system: string | null;
  readonly tools: readonly unknown[] | undefined;
  readonly sampling: GenerateOptions;
  readonly maxNewTokens: number;
  /** Whether a person reads the answers at a terminal. */
  readonly isTerminal: boolean;
  /** A signal for each answer, aborted by Ctrl-C. */
  interrupt(): Disposable & { readonly signal: AbortSignal };
}

/** A voice, and how far its conversation has come. */
interface Speaker {
  voice: Voice;
  conversation: Conversation;
  /** Turns that the last answer did without. */
  left: number;
}

/** A conversation with a model, or with several adapters of it at once. */
export class Session {
  readonly #of: SessionOptions;
  readonly #speakers: Speaker[];
  #temperature: number;
  /** Answers to the same message so far: each has random numbers of its own. */
  #retries = 0;

  constructor(of: SessionOptions) {
    this.#of = of;
    this.#temperature = of.sampling.temperature ?? 0;
    this.#speakers = of.voices.map((voice) => ({
      voice,
      conversation: new Conversation(of.system),
      left: 0,
    }));
  }

  /** Does what was typed. False: the conversation ends. */
  async take(text: string): Promise<boolean> {
    if (text.trim() === "") return true;
    const typed = readTyped(text);
    if (typed.kind === "unknown") {
      this.#warn(
        `/${typed.name} is no command; /help lists them. A message that begins with a slash is written with two`,
      );
      return true;
    }
    try {
      if (typed.kind === "message") {
        this.#retries = 0;
        await this.#ask({ role: "user", content: typed.text });
        return true;
      }
      return await this.#command(typed.name, typed.rest);
    } catch (error) {
      // what is wrong with a message or a file ends no conversation
      if (!isDenotuneError(error)) throw error;
      this.#warn(messageOf(error));
      return true;
    }
  }

  async #command(name: SlashName, rest: string): Promise<boolean> {
    const [{ conversation }] = this.#speakers;
    switch (name) {
      case "quit":
        return false;
      case "help":
        this.#note(slashHelp());
        return true;
      case "system":
        if (rest === "") {
          this.#note(conversation.system ?? "There is no system prompt.");
        } else {
          for (const one of this.#speakers) one.conversation.system = rest;
          this.#note("The system prompt is set.");
        }
        return true;
      case "reset":
        for (const one of this.#speakers) {
          one.conversation.keep(0);
          one.left = 0;
        }
        this.#note("All turns are forgotten; the system prompt stays.");
        return true;
      case "undo":
        return this.#undo();
      case "retry":
        return await this.#retry();
      case "save":
        return this.#save(rest);
      case "load":
        return this.#load(rest);
      case "adapter":
        return await this.#useAdapter(rest);
      case "temperature":
        return this.#setTemperature(rest);
      case "tool":
        await this.#ask({ role: "tool", content: rest });
        return true;
    }
  }

  #undo(): true {
    const taken = this.#speakers.map(({ conversation }) => conversation.undo());
    const [first] = taken;
    this.#note(
      first === null
        ? "There is no message to take back."
        : `Taken back: ${first.content}`,
    );
    return true;
  }

  async #retry(): Promise<true> {
    if (
      !this.#speakers.every(({ conversation }) => conversation.forgetAnswer())
    ) {
      this.#note("There is no message to answer again.");
      return true;
    }
    if (this.#temperature === 0) {
      this.#note(
        "At temperature 0 the answer will be the same; /temperature 0.8 lets it differ.",
      );
    }
    this.#retries++;
    await this.#answerAll();
    return true;
  }

  #save(path: string): true {
    if (path === "") this.#warn("Say where to: /save conversation.jsonl");
    else {
      // of several voices, a row each
      const rows = this.#speakers.map(({ conversation }) =>
        conversation.toJson()
      );
      writeFileAtomic(path, rows.join(""));
      this.#note(`Saved as ${path}.`);
    }
    return true;
  }

  #load(path: string): true {
    if (path === "") {
      this.#warn("Say what: /load conversation.jsonl");
      return true;
    }
    for (const one of this.#speakers) {
      one.conversation = Conversation.read(path);
      one.left = 0;
    }
    const [{ conversation }] = this.#speakers;
    const last = conversation.turns.at(-1);
    this.#note(
      `${conversation.turns.length} turns are loaded${
        last === undefined ? "" : `; the last: ${shortened(last.content)}`
      }`,
    );
    return true;
  }

  async #useAdapter(name: string): Promise<true> {
    const { model } = this.#of;
    const [speaker] = this.#speakers;
    const names = ["base", ...model.adapters];
    if (this.#speakers.length > 1) {
      this.#warn("With --compare all adapters answer.");
    } else if (name === "") {
      this.#note(
        names.map((one) => one === speaker.voice.name ? `${one} *` : one)
          .join("\n"),
      );
    } else if (!names.includes(name)) {
      this.#warn(
        `There is no adapter called ${name}; known: ${names.join(", ")}`,
      );
    } else {
      const adapter = name === "base" ? null : name;
      await model.use(adapter);
      speaker.voice = { name, adapter };
      this.#note(`${name} answers from now on.`);
    }
    return true;
  }

  #setTemperature(text: string): true {
    const wanted = Number(text);
    if (text === "") this.#note(`The temperature is ${this.#temperature}.`);
    else if (!Number.isFinite(wanted) || wanted < 0) {
      this.#warn(`The temperature is a number of at least 0; found ${text}`);
    } else {
      this.#temperature = wanted;
      this.#note(`The temperature is ${wanted}.`);
    }
    return true;
  }

  async #ask(
    turn: { readonly role: "user" | "tool"; readonly content: string },
  ): Promise<void> {
    const before = this.#speakers.map((one) => one.conversation.turns.length);
    for (const { conversation } of this.#speakers) conversation.add(turn);
    try {
      await this.#answerAll();
    } catch (error) {
      this.#speakers.forEach(({ conversation }, i) =>
        conversation.keep(before[i])
      );
      throw error;
    }
  }

  async #answerAll(): Promise<void> {
    const { out } = this.#of.context;
    if (this.#speakers.length === 1) {
      await this.#answer(this.#speakers[0], this.#view(out));
      return;
    }
    const width = this.#of.isTerminal
      ? columnWidth(this.#speakers.length, out)
      : null;
    const answers: { name: string; text: string }[] = [];
    for (const speaker of this.#speakers) {
      const { name } = speaker.voice;
      if (width === null) {
        out.line(out.style("bold", name));
        if (!await this.#answer(speaker, this.#view(out))) return;
        continue;
      }
      out.write(out.style("dim", `${name} answers ...`));
      const screen = keptScreen(out, width);
      try {
        if (!await this.#answer(speaker, new TerminalReply(screen))) return;
      } finally {
        out.write("\r\x1b[K");
      }
      answers.push({ name, text: screen.text() });
    }
    if (width !== null) {
      out.line(besideEachOther(answers, { width, output: out }));
    }
  }

  #view(out: CommandContext["out"]): ReplyView {
    return this.#of.isTerminal
      ? new TerminalReply(out)
      : new PlainReply(this.#of.context);
  }

  /** One voice answers the last turn. False where it was stopped. */
  async #answer(speaker: Speaker, view: ReplyView): Promise<boolean> {
    const { model, sampling, tools, maxNewTokens } = this.#of;
    const { voice: { adapter }, conversation } = speaker;
    if (model.adapter !== adapter) await model.use(adapter);
    const isChat = model.hasChatTemplate;
    const { messages, left } = conversation.fitted(model.contextLength, {
      answer: maxNewTokens,
      tokensOf: (turns) =>
        isChat ? model.writePrompt(turns, { tools }).ids.length : 0,
    });
    if (left > speaker.left) {
      this.#note(
        `The ${left} oldest turns are no longer read: the context has ${model.contextLength} tokens.`,
      );
    }
    speaker.left = left;
    const prompt = isChat ? messages : messages.at(-1)?.content ?? "";
    const marks = replyMarks(model.tokenizer);
    const parser = new ReplyParser(marks, {
      prompt: model.writePrompt(prompt, { tools }).text,
      tools: tools !== undefined,
    });
    using interrupt = this.#of.interrupt();
    let finish: "stop" | "length" | null = null;
    try {
      ({ finish } = await model.generate(prompt, {
        ...sampling,
        temperature: this.#temperature,
        seed: (sampling.seed ?? 0) + this.#retries,
        maxNewTokens,
        tools,
        keepSpecial: marks.texts,
        signal: interrupt.signal,
        onText: (text) => view.show(parser.push(text)),
      }));
    } catch (error) {
      if (!interrupt.signal.aborted) throw error;
    }
    view.show(parser.end());
    view.end();
    const { message } = parser;
    if (finish === null && message.content === "") {
      conversation.undo();
      this.#note("Stopped; the message is taken back.");
    } else {
      conversation.add(message);
      if (finish === null) this.#note("Stopped.");
      if (finish === "length") {
        this.#note(
          "The answer was cut: --max-new-tokens and --context-length give it more room.",
        );
      }
    }
    return finish !== null;
  }

  #note(text: string): void {
    const { err } = this.#of.context;
    err.line(err.style("dim", harmless(text)));
  }

  #warn(text: string): void {
    const { err } = this.#of.context;
    err.line(`${err.style("warning", "note")} ${harmless(text)}`);
  }
}

function shortened(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}
