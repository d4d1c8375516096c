/**
 * What can be typed besides messages: the one list of it.
 * @module
 */

/** A command within a conversation. */
export interface SlashCommand {
  readonly name: string;
  /** What may follow it: `NAME`; empty: nothing. */
  readonly takes: string;
  readonly description: string;
}

/** All of them, in the order of `/help`. */
export const SLASH_COMMANDS = [
  {
    name: "system",
    takes: "TEXT",
    description: "set the system prompt; without a text: show it",
  },
  { name: "reset", takes: "", description: "forget all turns" },
  {
    name: "undo",
    takes: "",
    description: "take back the last message and its answer",
  },
  {
    name: "retry",
    takes: "",
    description: "answer the last message again, with other random numbers",
  },
  {
    name: "save",
    takes: "FILE",
    description: "write the conversation as a row to train on",
  },
  { name: "load", takes: "FILE", description: "continue a saved conversation" },
  {
    name: "adapter",
    takes: "NAME",
    description: "let another adapter answer, or base; without a name: list",
  },
  {
    name: "temperature",
    takes: "NUMBER",
    description: "0: always the likeliest token; without a number: show it",
  },
  {
    name: "tool",
    takes: "TEXT",
    description: "give the result of the tool that the model called",
  },
  { name: "help", takes: "", description: "show this list" },
  { name: "quit", takes: "", description: "end; Ctrl-D does so too" },
] as const satisfies readonly SlashCommand[];

/** Name of a command within a conversation. */
export type SlashName = typeof SLASH_COMMANDS[number]["name"];

/** What a line asks for. */
export type Typed =
  | { readonly kind: "message"; readonly text: string }
  | {
    readonly kind: "command";
    readonly name: SlashName;
    readonly rest: string;
  }
  | { readonly kind: "unknown"; readonly name: string };

/** What was typed: a command is a word behind a slash; a message that begins with a slash is written with two. */
export function readTyped(text: string): Typed {
  const found = /^\/([A-Za-z]+)(?:\s+([\s\S]*))?$/.exec(text.trim());
  if (found === null) {
    return { kind: "message", text: text.replace(/^\/\//, "/") };
  }
  const [, name, rest = ""] = found;
  const known = SLASH_COMMANDS.find((one) => one.name === name.toLowerCase());
  return known === undefined
    ? { kind: "unknown", name }
    : { kind: "command", name: known.name, rest: rest.trim() };
}

/** The list as text. */
export function slashHelp(): string {
  const lines = SLASH_COMMANDS.map(({ name, takes, description }) =>
    `  ${`/${name} ${takes}`.padEnd(21)}${description}`
  );
  return [
    ...lines,
    "",
    '  A line that ends with \\ continues in the next one; so does what is between lines of """.',
    "  // at the start of a message is a slash.",
  ].join("\n");
}
