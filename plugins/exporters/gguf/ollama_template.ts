/**
 * A chat template in Ollama's syntax (Go's `text/template`), derived from what the trained one writes: what stands
 * around the words of each role is read off a few conversations, and the result is compared on others. Ollama does not
 * follow Jinja, and knows the templates of well-known models only.
 * @module
 */
import type { Message, Template } from "@denotune/denotune/core";

/** What is written around the words of each role. */
interface Parts {
  readonly first: string;
  readonly system: readonly [string, string] | null;
  readonly user: readonly [string, string];
  readonly assistant: readonly [string, string];
  /** Where the answer begins. */
  readonly answer: string;
}

const [S, U, A] = ["<<the system>>", "<<the user>>", "<<the assistant>>"];

function message(role: Message["role"], content: string): Message {
  return { role, content };
}

/** The template, or null where the trained one writes more than this can say. `bos`: left out, as Ollama adds it. */
export function ollamaTemplate(
  template: Template,
  bos: string | null,
): string | null {
  const write = (messages: readonly Message[]): string | null => {
    try {
      const { text } = template.prompt({ messages });
      return bos !== null && text.startsWith(bos)
        ? text.slice(bos.length)
        : text;
    } catch {
      return null; // it refuses a role
    }
  };
  const parts = partsOf(write);
  if (parts === null) return null;
  for (const messages of CONVERSATIONS) {
    const wanted = write(messages);
    if (wanted !== null && wanted !== rendered(parts, messages)) return null;
  }
  const texts = [
    parts.first,
    ...parts.user,
    ...parts.assistant,
    ...parts.system ?? [],
    parts.answer,
  ];
  // they would end or begin something else there
  if (texts.some((text) => /\{\{|\}\}|"""/.test(text))) return null;
  const [before, after] = parts.user;
  const [begins, ends] = parts.assistant;
  const system = parts.system === null
    ? ""
    : `{{ if eq .Role "system" }}${parts.system[0]}{{ .Content }}${
      parts.system[1]
    }{{ end }}`;
  return `${parts.first}{{ range .Messages }}${system}{{ if eq .Role "user" }}${before}{{ .Content }}${after}{{ end }}{{ if eq .Role "assistant" }}${begins}{{ .Content }}${ends}{{ end }}{{ end }}${parts.answer}`;
}

/** Reads the parts off three conversations; null where they are not what was assumed. */
function partsOf(
  write: (messages: readonly Message[]) => string | null,
): Parts | null {
  const one = cut(write([message("user", U)]), [U]);
  const two = cut(
    write([message("user", U), message("assistant", A), message("user", S)]),
    [U, A, S],
  );
  if (one === null || two === null) return null;
  const [start, end] = one;
  const [, toAssistant, toUser] = two;
  const before = commonEnd(start, toUser);
  const shared = commonStart(end, toAssistant);
  // turns end alike as a rule, so that what follows begins the answer
  const ending = toUser.slice(0, toUser.length - before.length);
  const after = shared.startsWith(ending) ? ending : shared;
  const first = start.slice(0, start.length - before.length);
  const withSystem = cut(
    write([message("system", S), message("user", U)]),
    [S, U],
  );
  let system: Parts["system"] = null;
  if (withSystem !== null) {
    const [head, between] = withSystem;
    if (!head.startsWith(first) || !between.endsWith(before)) return null;
    system = [
      head.slice(first.length),
      between.slice(0, between.length - before.length),
    ];
  }
  return {
    first,
    system,
    user: [before, after],
    assistant: [
      toAssistant.slice(after.length),
      ending,
    ],
    answer: end.slice(after.length),
  };
}

/** What stands between marks, in order; null where one is missing or there twice. */
function cut(text: string | null, marks: readonly string[]): string[] | null {
  if (text === null) return null;
  const pieces: string[] = [];
  let rest = text;
  for (const mark of marks) {
    const [before, ...after] = rest.split(mark);
    if (after.length !== 1) return null;
    pieces.push(before);
    rest = after[0];
  }
  return [...pieces, rest];
}

function commonStart(a: string, b: string): string {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return a.slice(0, n);
}

function commonEnd(a: string, b: string): string {
  let n = 0;
  while (n < Math.min(a.length, b.length) && a.at(-1 - n) === b.at(-1 - n)) n++;
  return a.slice(a.length - n);
}

/** What Ollama writes by the template. */
function rendered(parts: Parts, messages: readonly Message[]): string {
  const around = {
    system: parts.system,
    user: parts.user,
    assistant: parts.assistant,
  };
  const turns = messages.map(({ role, content }) => {
    const own = role === "system" || role === "user" || role === "assistant"
      ? around[role]
      : null;
    return own === null ? "" : `${own[0]}${content}${own[1]}`;
  });
  return `${parts.first}${turns.join("")}${parts.answer}`;
}

/** Conversations that both are compared on; Ollama joins messages of one role, so that roles take turns. */
const CONVERSATIONS: readonly (readonly Message[])[] = [
  [message("user", "Hello")],
  [
    message("user", "a\nb\n\nc"),
    message("assistant", "{}"),
    message("user", "x"),
  ],
  [message("system", "Be brief."), message("user", "2 + 2?")],
  [
    message("system", "S"),
    message("user", "1"),
    message("assistant", "2"),
    message("user", "3"),
    message("assistant", "4"),
    message("user", "5"),
  ],
];
