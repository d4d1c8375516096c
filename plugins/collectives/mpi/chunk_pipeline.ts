/**
 * Chunks that overlap: one is scattered while another is added up or gathered. Messages have the number of their
 * chunk, so that only the limit joins chunks.
 *
 * ```text
 * chunk 0   |-- scatter --|+|-- gather --|
 * chunk 1   |------ scatter ------|+|-- gather --|
 * chunk 2   |---------- scatter ----------|+|-- gather --|
 * chunk 3                                |-- scatter --|+|-- gather --|
 * ```
 * @module
 */

/** Runs chunks in order, so many at once. A chunk that fails ends the order: those behind it never run. */
export class ChunkPipeline {
  readonly #most: number;
  /** Ends of the newest chunks, oldest first. */
  readonly #ends: Promise<void>[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** Runs a chunk when it is its turn; its order is that of these calls. */
  run(chunk: () => Promise<void>): Promise<void> {
    const isFull = this.#ends.length === this.#most;
    const before = isFull ? this.#ends.shift() : undefined;
    const end = before === undefined ? chunk() : before.then(chunk);
    end.catch(() => {}); // whoever waits for it is given it
    this.#ends.push(end);
    return end;
  }
}
