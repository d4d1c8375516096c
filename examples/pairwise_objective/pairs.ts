/**
 * A format of pairs: rows `{"prompt": ..., "chosen": ..., "rejected": ...}`, each two sequences that are trained
 * together.
 * @module
 */
import {
  DataError,
  definePart,
  type GroupExample,
  type Part,
  type RawRecord,
} from "@denotune/denotune/core";
import { z } from "zod";

const pair = z.object({
  prompt: z.string(),
  chosen: z.string(),
  rejected: z.string(),
});

/** Rows with a prompt, a chosen and a rejected answer. */
export const pairs: Part<"format", Record<never, never>> = definePart({
  kind: "format",
  name: "pairs",
  description: "A prompt, a chosen and a rejected answer",
  options: z.strictObject({}),
  create: () => ({
    template: { use: "plain", separator: "" },
    recognises: (row: unknown) => pair.safeParse(row).success ? 1 : 0,
    parse: (
      { value, where: { path, line, index } }: RawRecord,
    ): GroupExample => {
      const row = pair.safeParse(value);
      if (!row.success) {
        const reason = z.prettifyError(row.error);
        throw new DataError(`${path}:${line ?? index}: ${reason}`);
      }
      const { prompt, chosen, rejected } = row.data;
      const answered = (completion: string) => ({ prompt, completion });
      return { sequences: [answered(chosen), answered(rejected)] };
    },
  }),
});
