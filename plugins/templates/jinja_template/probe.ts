/**
 * What short conversations show of a chat template: how turns end, and what `add_generation_prompt`
 * writes.
 * @module
 */
import type { Message } from "@denotune/denotune/core";
import { AssistantTurn, type EndMarkers, openingOf } from "./assistant_turn.ts";
import { lastSpecial, lastTag } from "./lexemes.ts";
import { piecesOf } from "./pieces.ts";
import type { Traced } from "../jinja/traced.ts";

/** Renders a conversation; null where the template refuses. */
export type TryRender = (
  messages: readonly Message[],
  prompt: boolean,
) => Traced | null;

/** What was found. */
export interface Probed {
  readonly markers: EndMarkers;
  /** What is written for the generation prompt after a question; null where none could be rendered. */
  readonly opening: string | null;
  /** Texts at which generation stops. */
  readonly stops: readonly string[];
}

const USER: Message = { role: "user", content: "Question" };
const ANSWER: Message = { role: "assistant", content: "Answer" };
const SYSTEM: Message = { role: "system", content: "Rules" };
const THOUGHT: Message = { ...ANSWER, reasoning_content: "Thoughts" };

/** Looks at a template. Null where it refuses all of the conversations. */
export function probe(
  render: TryRender,
  ends: readonly string[],
): Probed | null {
  for (const front of [[], [SYSTEM]]) {
    const asked = [...front, USER];
    const answered = [...asked, ANSWER];
    const index = asked.length;
    const prompt = render(asked, true);
    const endOf = (messages: readonly Message[]): string | null =>
      endIn(render(messages, false), render, messages, { index, ends });
    const last = endOf(answered);
    if (last === null) continue;
    const longer = [...answered, USER, ANSWER];
    const inner = endOf(longer) || closedByNext(render(longer, false), index) ||
      last;
    // a marker that also occurs within a turn (between thoughts and answer, say) does not end generation
    const thinking = render([...asked, THOUGHT], false)?.text ?? "";
    const thought = thinking.indexOf("Thoughts");
    const within = inner !== last && thought >= 0 &&
      thinking.includes(inner, thought);
    const stops = [last, ...within ? [] : [inner]].map((stop) => stop.trim());
    return {
      markers: { last, inner },
      opening: prompt === null ? null : openingOf(prompt, render(asked, false)),
      stops: [...new Set(stops)].filter((stop) => stop !== ""),
    };
  }
  return null;
}

/**
 * What closes an answer where the next question's turn writes it: what that turn begins with more than
 * the first question's. "" for nothing.
 *
 * ```text
 * <|user_start|>Question ... Answer<|assistant_end|><|user_start|>Question
 * ^^^^^^^^^^^^^^ first header       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ second header
 * ```
 */
function closedByNext(rendered: Traced | null, answer: number): string {
  if (rendered === null) return "";
  const pieces = piecesOf(rendered);
  const header = (message: number): string => {
    const start = pieces.find(({ turn }) => turn === message)?.start;
    const end = pieces.find((piece) => piece.message === message)?.start;
    return rendered.text.slice(start, end);
  };
  const first = header(answer - 1);
  const second = header(answer + 1);
  if (first === "" || !second.endsWith(first)) return "";
  const more = second.slice(0, second.length - first.length);
  const end = (lastSpecial(more) ?? lastTag(more))?.end;
  return more.slice(0, end ?? 0);
}

/** What closes message `index`; null where it is not written. */
function endIn(
  rendered: Traced | null,
  render: TryRender,
  messages: readonly Message[],
  { index, ends }: {
    readonly index: number;
    readonly ends: readonly string[];
  },
): string | null {
  if (rendered === null) return null;
  const turn = new AssistantTurn(rendered.text, piecesOf(rendered), index, {
    markers: { last: "", inner: "" },
    ends,
    probing: true,
    opening: null,
    prompt: () => render(messages.slice(0, index), true),
    history: () => render(messages.slice(0, index), false),
  });
  const stretches = turn.stretches();
  if (stretches.length === 0) return null;
  const end = stretches.findLast(({ kind }) => kind === "end");
  return end === undefined ? "" : rendered.text.slice(end.start, end.end);
}
