/**
 * A curve in one line of text: `█▆▄▃▂▂▁`.
 * @module
 */

const HEIGHTS = [..."▁▂▃▄▅▆▇█"];
/** Numbers that are kept; beyond, neighbours are averaged. */
const MOST = 512;

/** Gathers numbers, few of them however many come. */
export class LineCurve {
  #values: number[] = [];
  /** Numbers that make one value. */
  #each = 1;
  #sum = 0;
  #count = 0;

  /** Adds one at the end. */
  add(value: number): void {
    this.#sum += value;
    if (++this.#count < this.#each) return;
    this.#values.push(this.#sum / this.#count);
    this.#sum = this.#count = 0;
    if (this.#values.length < MOST) return;
    this.#values = this.#values.flatMap((value, i, all) =>
      i % 2 === 0 ? [(value + all[i + 1]) / 2] : []
    );
    this.#each *= 2;
  }

  /** The curve so far, `width` characters at most; empty while there are fewer than two values. */
  text(width: number): string {
    const { length } = this.#values;
    if (length < 2) return "";
    const columns = Math.min(width, length);
    const means = Array.from({ length: columns }, (_, i) => {
      const part = this.#values.slice(
        Math.floor(i * length / columns),
        Math.floor((i + 1) * length / columns),
      );
      return part.reduce((a, b) => a + b) / part.length;
    });
    const low = Math.min(...means);
    const range = Math.max(...means) - low || 1;
    return means.map((mean) =>
      HEIGHTS[Math.round((HEIGHTS.length - 1) * (mean - low) / range)]
    ).join("");
  }
}
