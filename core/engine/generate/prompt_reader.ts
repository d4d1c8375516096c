/**
 * Reads the prompts of rows that have slots, in chunks: all but the last token, with which decoding begins.
 * @module
 */
import type { Session } from "../session.ts";
import { isAborted, type LiveRow, readsNext, toRead } from "./live_row.ts";
import { type GenerationLimits, logitsOf, scoredTokens } from "./programs.ts";
import type { SlotPrefixes } from "./slot_prefixes.ts";
import { scoreToken } from "./token_scores.ts";

/** Runs of `prefill` that may be on their way, so that a signal is soon heard. */
const MOST_QUEUED = 4;

/** Reads prompts with the programs `prefill` and `prefill_logits` of a session. */
export class PromptReader {
  readonly #session: Session;
  readonly #limits: GenerationLimits;
  readonly #vocabSize: number;
  readonly #prefixes: SlotPrefixes;

  constructor(
    session: Session,
    { limits, vocabSize, prefixes }: {
      readonly limits: GenerationLimits;
      readonly vocabSize: number;
      /** Is told what slots hold then. */
      readonly prefixes: SlotPrefixes;
    },
  ) {
    this.#session = session;
    this.#limits = limits;
    this.#vocabSize = vocabSize;
    this.#prefixes = prefixes;
  }

  /** Reads the prompts of rows, or the next chunk of them; whether there was any left to read. */
  async read(
    joining: readonly LiveRow[],
    { oneChunk }: { readonly oneChunk: boolean },
  ): Promise<boolean> {
    for (let queued = 1;; queued++) {
      const rows = joining.filter((own) =>
        toRead(own) > 0 && !isAborted(own.row)
      );
      if (rows.length === 0) return queued > 1;
      // rows that are at the same token are read together
      const from = Math.min(...rows.map(({ read }) => read));
      const together = rows.filter(({ read }) => read === from);
      const scored = together.filter(({ row }) => row.scoresPrompt === true);
      const plain = together.filter(({ row }) => row.scoresPrompt !== true);
      if (plain.length > 0) await this.#readChunk(plain, from);
      if (scored.length > 0) await this.#scoreChunk(scored, from);
      if (oneChunk) return true;
      if (queued % MOST_QUEUED === 0) await this.#session.idle();
    }
  }

  async #readChunk(part: readonly LiveRow[], start: number): Promise<void> {
    const chunk = Math.min(this.#limits.prefill, this.#limits.capacity);
    const T = Math.min(chunk, Math.max(...part.map(readsNext)));
    this.#session.run(
      "prefill",
      { B: part.length, T },
      promptInputs(part, start, T),
    );
    for (const own of part) {
      own.read += Math.min(T, readsNext(own));
      const tokens = own.row.prompt.subarray(0, own.read);
      this.#prefixes.hold(own.slot, tokens);
      if (own.read === own.pause && toRead(own) > 0) {
        await this.#prefixes.keep(own.slot, tokens);
        own.pause = own.row.prompt.length - 1;
      }
    }
  }

  /** Reads a chunk, and scores the token behind each of its tokens. */
  async #scoreChunk(part: readonly LiveRow[], start: number): Promise<void> {
    const most = scoredTokens(this.#limits, this.#vocabSize);
    const rows = part.slice(0, most);
    const B = rows.length;
    const T = Math.min(
      this.#limits.prefill,
      this.#limits.capacity,
      Math.max(1, Math.floor(most / B)),
      Math.max(...rows.map(toRead)),
    );
    const inputs = promptInputs(rows, start, T);
    const at = rows.flatMap((own, b) =>
      Array.from(
        { length: Math.min(T, toRead(own)) },
        (_, t) => ({ own, row: b * T + t, next: start + t + 1 }),
      )
    );
    const extents = { B, T, R: at.length };
    this.#session.run("prefill_logits", extents, {
      ...inputs,
      rows: Int32Array.from(at, ({ row }) => row),
    });
    const logits = await logitsOf(this.#session, "prefill_logits", extents);
    const V = this.#vocabSize;
    at.forEach(({ own, next }, r) => {
      const { prompt, top } = own.row;
      own.scores.push(
        scoreToken(logits.subarray(r * V, (r + 1) * V), prompt[next], top ?? 0),
      );
    });
    for (const own of rows) {
      own.read += Math.min(T, toRead(own));
      this.#prefixes.hold(own.slot, own.row.prompt.subarray(0, own.read));
    }
  }
}

function promptInputs(
  part: readonly LiveRow[],
  start: number,
  T: number,
): Record<string, Int32Array> {
  const B = part.length;
  const tokens = new Int32Array(B * T); // (B, T)
  const positions = new Int32Array(B * T); // (B, T)
  part.forEach(({ row: { prompt } }, b) => {
    tokens.set(prompt.subarray(start, start + T), b * T);
    for (let t = 0; t < T; t++) positions[b * T + t] = start + t;
  });
  return {
    tokens,
    positions,
    lengths: new Int32Array(B).fill(start),
    index: Int32Array.from(part, ({ slot }) => slot),
    counts: Int32Array.from(part, (own) => Math.min(T, readsNext(own))),
    row_keys: new Int32Array(B * T),
  };
}
