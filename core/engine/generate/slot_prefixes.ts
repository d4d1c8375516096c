/**
 * What slots hold of earlier prompts, so that a prompt that begins like one of them is not read again from its start.
 *
 * ```text
 * slot 0 (free)    You are helpful. Say 1 → one
 * slot 1 (in use)  You are helpful. Say 2 →
 * new prompt       You are helpful. Say 3         its first tokens are copied from slot 1, or slot 0 goes on from there
 * ```
 *
 * Keys and values are there for each token, so that any beginning can be taken. Where a layer keeps a tail or a matrix,
 * there is only the state after the last token: copies of it are kept where prompts were seen to part.
 * @module
 */
import type { LayerState } from "../../contracts/model.ts";
import type { Session } from "../session.ts";

/** Tokens below which reading them again is quicker than copying. */
const LEAST_TOKENS = 16;

/** Bytes of the copies of states that are kept on the host. */
const MOST_BYTES = 256 * 1024 * 1024;

/** Prompts that are remembered, to find where new ones part from them. */
const MOST_PROMPTS = 32;

/** Tokens, in order. */
type Tokens = ArrayLike<number>;

/** The states of a slot after some tokens. */
interface Snapshot {
  readonly tokens: Int32Array;
  readonly values: ReadonlyMap<string, Float32Array>;
  readonly bytes: number;
}

/** Where a prompt may begin. */
export interface Beginning {
  /** The slot that the row gets. */
  readonly slot: number;
  /** Tokens of the prompt that need not be read. */
  readonly tokens: number;
}

/** The tokens whose states slots hold. */
export class SlotPrefixes {
  readonly #session: Session;
  readonly #states: readonly LayerState[];
  readonly #capacity: number;
  /** Whether some state is there after the last token only. */
  readonly #isWhole: boolean;
  readonly #held: Tokens[];
  #snapshots: Snapshot[] = [];
  #prompts: Int32Array[] = [];

  constructor(
    session: Session,
    { states, rows, capacity }: {
      readonly states: readonly LayerState[];
      readonly rows: number;
      readonly capacity: number;
    },
  ) {
    this.#session = session;
    this.#states = states;
    this.#capacity = capacity;
    this.#isWhole = states.some(({ shape }) => shape[0] !== "capacity");
    this.#held = Array.from({ length: rows }, () => []);
  }

  /** Forgets all: the weights are others. */
  forget(): void {
    this.#held.fill([]);
    this.#snapshots = [];
    this.#prompts = [];
  }

  /** The states of these tokens are in the slot. */
  hold(slot: number, tokens: Tokens): void {
    this.#held[slot] = tokens;
  }

  /** A step of decoding has read a token there. */
  advance(slot: number): void {
    if (this.#isWhole) this.#held[slot] = [];
  }

  /**
   * Where a prompt should pause, so that its states are kept for those that begin alike; its end where they are there
   * for each token anyway.
   */
  pauseOf(prompt: Int32Array, read: number): number {
    const end = prompt.length - 1;
    if (!this.#isWhole) return end;
    let pause = 0;
    for (const other of this.#prompts) {
      pause = Math.max(pause, common(prompt, other, end));
    }
    this.#prompts = [...this.#prompts.slice(1 - MOST_PROMPTS), prompt];
    const isKnown = this.#snapshots.some(({ tokens }) =>
      tokens.length === pause && common(prompt, tokens, pause) === pause
    );
    return pause - read < LEAST_TOKENS || isKnown ? end : pause;
  }

  /** Keeps a copy of the slot's states after these tokens, where they could not be taken from the slot later. */
  async keep(slot: number, tokens: Int32Array): Promise<void> {
    if (!this.#isWhole) return;
    const values = await this.#read(slot, tokens.length);
    let bytes = 0;
    for (const value of values.values()) bytes += value.byteLength;
    this.#snapshots.push({ tokens: tokens.slice(), values, bytes });
    let total = this.#snapshots.reduce((sum, one) => sum + one.bytes, 0);
    while (total > MOST_BYTES) total -= this.#snapshots.shift()?.bytes ?? 0;
  }

  /** Gives a row a slot out of those that are free, with as many tokens of its prompt as are held anywhere. */
  async begin(
    prompt: Int32Array,
    free: readonly number[],
  ): Promise<Beginning> {
    const most = prompt.length - 1; // the last token is read by decoding
    let own: Beginning = { slot: free[0], tokens: 0 };
    let other: Beginning = { slot: -1, tokens: 0 };
    for (const [slot, held] of this.#held.entries()) {
      const tokens = this.#usable(common(prompt, held, most), held.length);
      const isFree = free.includes(slot);
      if (isFree && tokens > own.tokens) own = { slot, tokens };
      if (!isFree && tokens > other.tokens) other = { slot, tokens };
    }
    const snapshot = this.#snapshots.reduce<Snapshot | null>((best, one) => {
      const { length } = one.tokens;
      return length <= most && length > (best?.tokens.length ?? 0) &&
          common(prompt, one.tokens, length) === length
        ? one
        : best;
    }, null);
    const kept = snapshot?.tokens.length ?? 0;
    const best = Math.max(other.tokens, kept);
    if (best < own.tokens + LEAST_TOKENS) {
      return own.tokens >= LEAST_TOKENS ? own : { slot: own.slot, tokens: 0 };
    }
    // the slot whose loss costs least
    const slot =
      free.toSorted((a, b) => this.#held[a].length - this.#held[b].length)[0];
    const values = snapshot !== null && kept >= other.tokens
      ? snapshot.values
      : await this.#read(other.slot, best);
    for (const [name, value] of values) {
      const state = this.#states.find((one) => one.name === name);
      if (state === undefined) continue;
      this.#session.write(
        name,
        value,
        slot * this.#elements(state, this.#capacity),
      );
    }
    return { slot, tokens: best };
  }

  /** Tokens that both begin with, where that is worth waiting for. */
  sharedWith(prompt: Int32Array, other: Int32Array): number {
    const tokens = common(prompt, other, prompt.length - 1);
    return tokens < LEAST_TOKENS || this.#isWhole ? 0 : tokens;
  }

  #usable(tokens: number, held: number): number {
    return this.#isWhole && tokens < held ? 0 : tokens;
  }

  async #read(
    slot: number,
    tokens: number,
  ): Promise<ReadonlyMap<string, Float32Array>> {
    return new Map(
      await Promise.all(
        this.#states.map(async (state): Promise<[string, Float32Array]> => [
          state.name,
          await this.#session.read(state.name, {
            start: slot * this.#elements(state, this.#capacity),
            count: this.#elements(state, tokens),
          }),
        ]),
      ),
    );
  }

  /** Elements of a state of one slot for so many tokens. */
  #elements({ shape }: LayerState, tokens: number): number {
    return shape.reduce<number>(
      (product, d) => product * (d === "capacity" ? tokens : d),
      1,
    );
  }
}

/** Tokens with which both begin, `most` at most. */
function common(a: Tokens, b: Tokens, most: number): number {
  const end = Math.min(a.length, b.length, most);
  let n = 0;
  while (n < end && a[n] === b[n]) n++;
  return n;
}
