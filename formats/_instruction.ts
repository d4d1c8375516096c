/**
 * The two turns of a row with an instruction and its answer.
 * @module
 */
import type { Message, RawRecord } from "@denotune/denotune/core";
import { type Column, optionalText, textAt, textsAt } from "./_columns.ts";

/** Where an instruction and its answer are read. */
export interface InstructionColumns {
  readonly instruction: Column;
  /** What the instruction is about, where a row has it; null: not read. */
  readonly input: string | null;
  /** `lenient`: a missing answer is an empty one. */
  readonly answer: Column & { readonly lenient?: boolean };
  /** What input and answer are read from; absent: the row itself. */
  readonly within?: RawRecord;
}

/** The user's turn and the assistant's. Throws `DataError` naming the column. */
export function instructionTurns(
  record: RawRecord,
  { instruction, input, answer, within = record }: InstructionColumns,
): readonly [Message, Message] {
  const asked = textAt(record, instruction);
  const answered = textsAt(within, answer);
  const about = optionalText(within, input);
  return [
    {
      role: "user",
      content: asked,
      ...(about === undefined ? {} : { input: about }),
    },
    { role: "assistant", content: answered },
  ];
}
