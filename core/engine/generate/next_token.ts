/**
 * Who chooses a row's next token: the device, or the host where a constraint or an option needs it.
 * @module
 */
import { chooseOnHost } from "./choose_on_host.ts";
import { keyOf, type LiveRow, placeOf } from "./live_row.ts";
import { changesLogits } from "./sampling.ts";
import { scoreToken } from "./token_scores.ts";

/** Whether the host chooses the row's tokens. */
export function choosesOnHost({ row }: LiveRow): boolean {
  return row.constraint !== undefined || changesLogits(row.sampling);
}

/** Whether the host reads the row's logits. */
export function readsLogits(own: LiveRow): boolean {
  return choosesOnHost(own) || own.row.top != null;
}

/** Whether that is known before the device has chosen. */
export function alwaysReadsLogits({ row }: LiveRow): boolean {
  return row.top != null || changesLogits(row.sampling);
}

/** What a constraint says of a row's next token. */
export interface ConstrainedChoice {
  /** The token, where it can be known without the logits; null: they must be read. */
  readonly id: number | null;
  /** Where the logits must be read, a bit for each token that may come; null: all. */
  readonly allowed: Int32Array | null;
}

/**
 * The largest of all scores is the largest of those that are allowed, if it is one of them: what the device chose
 * stands then. So does the only token that is allowed. Null: the row has no constraint, or it failed.
 */
export function constrained(
  own: LiveRow,
  chosen: number,
  vocabSize: number,
): ConstrainedChoice | null {
  const { constraint, sampling } = own.row;
  if (constraint === undefined) return null;
  let allowed: Int32Array | null;
  try {
    allowed = constraint.allowed()?.subarray(0, Math.ceil(vocabSize / 32)) ??
      null;
  } catch (reason) {
    own.failure = { reason };
    return null;
  }
  // a copy is kept: other rows may be given the same array
  if (changesLogits(sampling)) {
    return { id: null, allowed: allowed?.slice() ?? null };
  }
  if (allowed === null) return { id: chosen, allowed };
  // of the k likeliest, or those that hold p, the constraint counts first; and for penalties the device remembers the
  // tokens that it chose itself
  const isWhole = sampling.repetitionPenalty === 1 &&
    (sampling.temperature === 0 ||
      sampling.topK === null && sampling.topP >= 1);
  if (isWhole && (allowed[chosen >>> 5] >>> (chosen & 31) & 1) === 1) {
    return { id: chosen, allowed: null };
  }
  const id = onlyBit(allowed);
  return { id, allowed: id === null ? allowed.slice() : null };
}

/** The index of the only bit; null where there are none or several. */
function onlyBit(words: Int32Array): number | null {
  let found: number | null = null;
  for (let w = 0; w < words.length; w++) {
    const word = words[w];
    if (word === 0) continue;
    if (found !== null || (word & (word - 1)) !== 0) return null;
    found = 32 * w + 31 - Math.clz32(word);
  }
  return found;
}

/** Gives a row its next token: the device's, or one that the host chooses. */
export function take(
  own: LiveRow,
  { chosen, choice, logits }: {
    readonly chosen: number;
    /** What its constraint says; null: it has none. */
    readonly choice: ConstrainedChoice | null;
    /** The row's own, where the host reads them: (V). */
    readonly logits: Float32Array | null;
  },
): void {
  const { row, ids } = own;
  try {
    let id = chosen;
    if (choosesOnHost(own)) {
      const found = choice?.id ?? chooseOnHost(logitsOf(logits), {
        sampling: row.sampling,
        prompt: row.prompt,
        ids,
        allowed: choice?.allowed ?? null,
        key: keyOf(own),
        place: placeOf(own),
      });
      if (found === null) {
        // nothing may follow: the answer is whole
        own.finish = "stop";
        return;
      }
      id = found;
      row.constraint?.accept(id);
    }
    const score = logits === null || row.top == null
      ? undefined
      : scoreToken(logits, id, row.top);
    ids.push(id);
    if (row.onToken(id, score)) own.finish = "stop";
    else if (ids.length >= own.most) {
      own.finish = own.most === row.maxNewTokens ? "length" : "capacity";
    }
  } catch (reason) {
    own.failure = { reason };
  }
}

/** A copy of logits that were read: the choice changes them, and their scores are of what they were. */
function logitsOf(logits: Float32Array | null): Float32Array {
  if (logits === null) throw new RangeError("Logits were not read");
  return logits.slice();
}
