/**
 * Writing by unmasking: all places of an answer begin hidden, and each step keeps the tokens that the model is surest
 * of, block by block from left to right (LLaDA, arXiv:2502.09992).
 *
 * ```text
 * step 0   q q q | _ _ _ _ | _ _ _ _        two blocks of four, two steps each
 * step 1   q q q | _ b _ d | _ _ _ _
 * step 2   q q q | a b c d | _ _ _ _
 * step 3   q q q | a b c d | e . . _        the end token: what is behind it need not be written
 * ```
 * @module
 */
import {
  type Decoder,
  type DecodeRow,
  entropy,
  hash32,
  type LogitRow,
  logProbability,
  type RowStatistic,
  uniformAt,
} from "@denotune/denotune/core";

/** By what it is decided which tokens stay. */
export type Remasking = "confidence" | "margin" | "entropy" | "random";

/** How answers are unmasked. */
export interface UnmaskOptions {
  /** Id of the mask. */
  readonly mask: number;
  /** Places of an answer; null: as many tokens as may be written. */
  readonly answer_length: number | null;
  /** Steps of an answer; null: one a token. */
  readonly steps: number | null;
  /** Places of a block; null: the whole answer is one. */
  readonly block_length: number | null;
  readonly remasking: Remasking;
  /** Classifier-free guidance; 0: none. */
  readonly guidance: number;
  /** Whether a place is predicted at the one before it. */
  readonly shift: boolean;
}

/** Probability of the likeliest token less that of the second. */
const margin: RowStatistic = (row: LogitRow) => {
  const first = row.max(row.logit);
  const isFirst = row.logit.eq(first);
  const second = row.max(isFirst.select(-3e38, row.logit));
  const total = row.sum(row.logit.sub(first).exp());
  const difference = second.sub(first).exp().neg().add(1).div(total);
  // several that are likeliest: no margin
  return row.sum(isFirst.select(1, 0)).eq(1).select(difference, 0);
};

/** What is measured of each prediction; the larger, the surer. */
const SURENESS: Readonly<Record<Remasking, RowStatistic | null>> = {
  confidence: logProbability,
  margin,
  entropy: (row) => entropy(row).neg(),
  random: null,
};

/** Stream of random numbers. */
const ORDER = 0x6f726472;

/** An answer that is being written. */
interface Draft {
  readonly row: number;
  /** Prompt and answer. */
  readonly tokens: Int32Array;
  /** The same with the prompt hidden, for guidance. */
  readonly unguided: Int32Array | undefined;
  /** Where the answer begins. */
  readonly from: number;
  readonly key: number;
  readonly ends: ReadonlySet<number>;
  /** Places of the answer that are hidden, ascending, by block. */
  readonly blocks: number[][];
  /** Steps that each block has left. */
  readonly steps: number[];
}

/** The decoder. */
export function unmaskingDecoder(options: UnmaskOptions): Decoder {
  const { guidance, remasking, shift } = options;
  const sureness = SURENESS[remasking];
  return {
    statistics: sureness === null ? {} : { sureness },
    ...(guidance === 0 ? {} : { guidance }),
    async decode(rows, model, decodeOptions) {
      const { signal, onDraft } = decodeOptions;
      const drafts = rows.map((row, r) => begin(row, r, options));
      let open = drafts.filter(({ blocks }) => blocks.length > 0);
      for (let step = 0; open.length > 0; step++) {
        signal?.throwIfAborted();
        const found = await model.predict(
          open.map(({ tokens, unguided, blocks: [block], key }) => ({
            tokens,
            at: Int32Array.from(block, (place) => shift ? place - 1 : place),
            key: hash32(key, step),
            ...(unguided === undefined ? {} : { unguided }),
          })),
          decodeOptions,
        );
        open.forEach((draft, r) => {
          const { ids, statistics } = found[r];
          keepSurest(
            draft,
            ids,
            statistics.sureness ??
              Float32Array.from(
                ids,
                (_, i) => uniformAt(hash32(draft.key, step), ORDER, i),
              ),
          );
          onDraft?.(shown(draft), draft.row);
        });
        open = open.filter((draft) => !isWritten(draft));
      }
      return drafts.map(answerOf);
    },
  };
}

function begin(
  { prompt, maxNewTokens, key, ends }: DecodeRow,
  row: number,
  { mask, answer_length, steps, block_length, guidance }: UnmaskOptions,
): Draft {
  const length = Math.min(answer_length ?? maxNewTokens, maxNewTokens);
  const size = Math.min(block_length ?? length, length);
  const tokens = new Int32Array(prompt.length + length).fill(mask);
  tokens.set(prompt);
  const blocks = Array.from(
    { length: Math.ceil(length / Math.max(1, size)) },
    (_, b) =>
      Array.from(
        { length: Math.min(size, length - b * size) },
        (_, i) => prompt.length + b * size + i,
      ),
  );
  const all = Math.min(steps ?? length, length);
  return {
    row,
    tokens,
    unguided: guidance === 0
      ? undefined
      : new Int32Array(tokens.length).fill(mask),
    from: prompt.length,
    key,
    ends,
    blocks,
    // as even a share of the steps as there is; a block has one at least
    steps: blocks.map((_, b) => {
      const until = (n: number) => Math.floor(n * all / blocks.length);
      return Math.max(1, until(b + 1) - until(b));
    }),
  };
}

/** Writes the tokens of the surest places: as many that all are written when the block's steps are over. */
function keepSurest(
  { tokens, unguided, blocks, steps }: Draft,
  ids: Int32Array,
  sureness: ArrayLike<number>,
): void {
  const [block] = blocks;
  const count = Math.ceil(block.length / steps[0]);
  const surest = [...block.keys()]
    .sort((a, b) => sureness[b] - sureness[a] || a - b)
    .slice(0, count);
  for (const i of surest) {
    tokens[block[i]] = ids[i];
    if (unguided !== undefined) unguided[block[i]] = ids[i];
  }
  const kept = new Set(surest);
  const left = block.filter((_, i) => !kept.has(i));
  if (left.length > 0) {
    blocks[0] = left;
    steps[0]--;
  } else {
    blocks.shift();
    steps.shift();
  }
}

/** Whether the answer is there: no place is hidden, or none before its first end. */
function isWritten({ tokens, from, ends, blocks }: Draft): boolean {
  if (blocks.length === 0) return true;
  const [[firstHidden]] = blocks;
  return tokens.subarray(from, firstHidden).some((id) => ends.has(id));
}

/** The answer, with null where a place is hidden. */
function shown({ tokens, from, blocks }: Draft): (number | null)[] {
  const hidden = new Set(blocks.flat());
  return Array.from(
    tokens.subarray(from),
    (id, i) => hidden.has(from + i) ? null : id,
  );
}

function answerOf({ tokens, from, ends }: Draft): number[] {
  const answer = [...tokens.subarray(from)];
  const end = answer.findIndex((id) => ends.has(id));
  return end < 0 ? answer : answer.slice(0, end + 1);
}
