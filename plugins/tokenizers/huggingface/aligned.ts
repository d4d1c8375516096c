/**
 * Text that was changed, and where each of its units came from. Most texts are not changed at all, or
 * get one character in front: these need no tables.
 * @module
 */

/**
 * A text and its origin. Without tables, the first `lead` units were put in (they are at `base` and
 * are empty), unit `lead + i` came from `base + i`. With tables, unit `i` came from
 * `[starts[i], ends[i])`.
 */
export interface Aligned {
  readonly text: string;
  readonly base: number;
  readonly lead: number;
  readonly tables: AlignmentTables | null;
}

/** Changes a text and keeps track of its characters. */
export type AlignedNormalizer = (text: Aligned) => Aligned;

/** Where each UTF-16 unit came from. */
export interface AlignmentTables {
  readonly starts: Int32Array; // (text.length)
  readonly ends: Int32Array; // (text.length)
}

/** An unchanged text at `base`. */
export function asIs(text: string, base: number): Aligned {
  return { text, base, lead: 0, tables: null };
}

/** Where unit `i` started (for `i` = length: where the text ended). */
export function startOf(aligned: Aligned, i: number): number {
  const { tables, base, lead, text } = aligned;
  if (tables === null) return base + Math.max(0, i - lead);
  return i < text.length ? tables.starts[i] : endOf(aligned, i);
}

/** Where unit `i - 1` ended. */
export function endOf(
  { tables, base, lead, text }: Aligned,
  i: number,
): number {
  if (tables === null) return base + Math.max(0, i - lead);
  return text.length === 0
    ? base
    : i === 0
    ? tables.starts[0]
    : tables.ends[i - 1];
}

/** Units `[from, to)`. */
export function sliceAligned(
  aligned: Aligned,
  from: number,
  to: number,
): Aligned {
  const text = aligned.text.slice(from, to);
  if (aligned.tables === null) {
    return {
      text,
      base: startOf(aligned, from),
      lead: Math.min(text.length, Math.max(0, aligned.lead - from)),
      tables: null,
    };
  }
  const { starts, ends } = aligned.tables;
  return {
    text,
    base: startOf(aligned, from),
    lead: 0,
    tables: {
      starts: starts.subarray(from, to),
      ends: ends.subarray(from, to),
    },
  };
}

/** Builds a changed text piece by piece. */
export class AlignedBuilder {
  readonly #parts: string[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #from: Aligned;

  constructor(from: Aligned) {
    this.#from = from;
  }

  /** Keeps units `[from, to)` of the text before. */
  keep(from: number, to: number): void {
    if (to <= from) return;
    this.#parts.push(this.#from.text.slice(from, to));
    for (let i = from; i < to; i++) {
      this.#starts.push(startOf(this.#from, i));
      this.#ends.push(endOf(this.#from, i + 1));
    }
  }

  /** Writes `text` in place of units `[from, to)`. */
  replace(from: number, to: number, text: string): void {
    this.#parts.push(text);
    const start = startOf(this.#from, from);
    const end = to > from ? endOf(this.#from, to) : start;
    for (let i = 0; i < text.length; i++) {
      this.#starts.push(start);
      this.#ends.push(end);
    }
  }

  /** What was built. */
  finish(): Aligned {
    return {
      text: this.#parts.join(""),
      base: startOf(this.#from, 0),
      lead: 0,
      tables: {
        starts: Int32Array.from(this.#starts),
        ends: Int32Array.from(this.#ends),
      },
    };
  }
}
