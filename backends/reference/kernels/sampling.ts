/**
 * Choosing tokens, and the end of a step of decoding.
 * @module
 */
import { gumbelAt } from "@denotune/denotune/device";
import { checkIndex, type Kernel } from "../kernel.ts";

/** Words that hold a bit for each column. */
function wordsOf(columns: number): number {
  return Math.ceil(columns / 32);
}

/** A column of each row, drawn as the options say. */
export const sample: Kernel<"sample"> = {
  run({ columns, slots }, _size, inputs, [output]) {
    const [logits, options, keys, places, index, seen] = inputs;
    const [rowKeys, rowPlaces, rowSlots] = [keys, places, index].map((t) =>
      t.load()
    );
    const words = wordsOf(columns);
    const chosen = new Float64Array(output.length);
    for (let row = 0; row < output.length; row++) {
      const values = logits.load(row * columns, columns);
      const [temperature, k, p, penalty] = options.load(4 * row, 4);
      if (penalty !== 1) {
        checkIndex(rowSlots[row], slots, "a slot");
        penalise(values, seen.load(rowSlots[row] * words, words), penalty);
      }
      chosen[row] = temperature === 0
        ? firstLargest(values)
        : draw(values, { temperature, k, p }, (column) =>
          gumbelAt(rowKeys[row], rowPlaces[row], column));
    }
    output.save(chosen);
  },
};

/** Divides positive, multiplies other logits of the columns whose bit is set. */
function penalise(
  values: Float64Array,
  bits: Float64Array,
  penalty: number,
): void {
  for (let c = 0; c < values.length; c++) {
    if (((bits[c >>> 5] >>> (c & 31)) & 1) === 0) continue;
    values[c] = values[c] > 0 ? values[c] / penalty : values[c] * penalty;
  }
}

function firstLargest(values: Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if (values[i] > values[best]) best = i;
  }
  return best;
}

function draw(
  logits: Float64Array,
  { temperature, k, p }: { temperature: number; k: number; p: number },
  gumbel: (column: number) => number,
): number {
  const scores = new Float64Array(logits.length).fill(-Infinity);
  for (const c of kept(logits, { temperature, k, p })) {
    scores[c] = logits[c] / temperature + gumbel(c);
  }
  return firstLargest(scores);
}

/** The columns that stay: the first k by falling logit, of those the fewest with p of their sum. */
function kept(
  logits: Float64Array,
  { temperature, k, p }: { temperature: number; k: number; p: number },
): Iterable<number> {
  const all = logits.keys();
  if (p >= 1 && (k === 0 || k >= logits.length)) return all;
  const order = Array.from(all).sort((a, b) => logits[b] - logits[a] || a - b);
  const first = k === 0 ? order : order.slice(0, k);
  if (p >= 1) return first;
  const weights = first.map((c) =>
    Math.exp((logits[c] - logits[first[0]]) / temperature)
  );
  const enough = p * weights.reduce((a, b) => a + b, 0);
  let sum = 0;
  let count = 0;
  while (count < first.length && sum < enough) sum += weights[count++];
  return first.slice(0, Math.max(1, count));
}

/** Chosen tokens become the next step's inputs; they are added to the ring and to the seen tokens. */
export const takeTokens: Kernel<"take_tokens"> = {
  run({ slots, ring, capacity, columns }, _size, inputs, outputs) {
    const [chosen, index] = inputs.map((t) => t.load());
    const [tokens, places, history, seen] = outputs.map((t) => t.load());
    const words = wordsOf(columns);
    chosen.forEach((token, r) => {
      checkIndex(index[r], slots, "a slot");
      checkIndex(token, columns, "a token");
      const next = places[r] + 1;
      tokens[r] = token;
      places[r] = Math.min(next, capacity - 1);
      history[(next % ring) * slots + r] = token;
      seen[index[r] * words + (token >>> 5)] |= 1 << (token & 31);
    });
    [tokens, places, history, seen].forEach((values, o) =>
      outputs[o].save(values)
    );
  },
};
