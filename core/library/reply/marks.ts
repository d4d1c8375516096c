/**
 * The texts by which chat templates set thoughts and tool calls apart from an answer.
 *
 * ```text
 * <think>Paris?</think>  <tool_call>{"name": "map", "arguments": {}}</tool_call>   Hermes, Qwen, MiniMind
 * [THINK]Paris?[/THINK]  [TOOL_CALLS]map[ARGS]{}                                   Mistral
 *                        <|tool_call_start|>[map(city="Paris")]<|tool_call_end|>   LFM2
 *                        {"name": "map", "parameters": {}}                         Llama 3: the whole answer
 * ```
 * @module
 */
import type { ToolCall } from "../../contracts/format.ts";
import type { TokenizerFacts } from "../../contracts/tokenizer.ts";
import {
  gemmaCalls,
  jsonCalls,
  mistralCalls,
  pythonCalls,
  taggedCalls,
} from "./read_calls.ts";

/** How tool calls are written. */
export interface CallMarks {
  /** What begins a call, or a list of calls. */
  readonly open: string;
  /** What ends it; null: the end of the answer, or the next `open`. */
  readonly close: string | null;
  /** The calls between the marks; null: they cannot be read. */
  read(inside: string): readonly ToolCall[] | null;
}

/** How a model sets thoughts and tool calls apart from what it answers. */
export interface ReplyMarks {
  /** Around thoughts; those of another family are text. */
  readonly thoughts: readonly {
    readonly open: string;
    readonly close: string;
  }[];
  /** Around tool calls. */
  readonly calls: readonly CallMarks[];
  /** Whether a call may be the whole answer, as JSON without marks: Llama 3. */
  readonly bareCalls: boolean;
  /** All of the marks; `keepSpecial` leaves them in an answer's text. */
  readonly texts: readonly string[];
}

const THOUGHTS = [
  { open: "<think>", close: "</think>" },
  { open: "[THINK]", close: "[/THINK]" },
  { open: "<seed:think>", close: "</seed:think>" },
  { open: "<|channel>thought", close: "<channel|>" },
];

const CALLS: readonly CallMarks[] = [
  { open: "<tool_call>", close: "</tool_call>", read: taggedCalls },
  { open: "<seed:tool_call>", close: "</seed:tool_call>", read: taggedCalls },
  {
    open: "<|tool_call_start|>",
    close: "<|tool_call_end|>",
    read: pythonCalls,
  },
  { open: "<|tool_call>", close: "<tool_call|>", read: gemmaCalls },
  { open: "[TOOL_CALLS]", close: null, read: mistralCalls },
  { open: "<|tool_call|>", close: null, read: jsonCalls },
  { open: "<|python_tag|>", close: null, read: jsonCalls },
];

/** The marks that the chat template of a tokenizer writes, or that its vocabulary has as tokens. */
export function replyMarks(
  { chatTemplate, idOf }: Pick<TokenizerFacts, "chatTemplate" | "idOf">,
): ReplyMarks {
  const template = chatTemplate ?? "";
  const isKnown = ({ open }: { readonly open: string }) =>
    template.includes(open) || idOf(open) !== null;
  const thoughts = THOUGHTS.filter(isKnown);
  const calls = CALLS.filter(isKnown);
  const texts = [...thoughts, ...calls].flatMap(({ open, close }) => [
    open,
    ...(close === null ? [] : [close]),
  ]);
  return {
    thoughts,
    calls,
    // the sentence by which Llama 3.1 and 3.2 ask for it
    bareCalls: template.includes('"parameters": dictionary of argument name'),
    texts: calls.some(({ open }) => open === "[TOOL_CALLS]")
      ? [...texts, "[ARGS]", "[CALL_ID]"]
      : calls.some(({ open }) => open === "<|tool_call>")
      ? [...texts, '<|"|>', "<|channel>"]
      : texts,
  };
}
