/**
 * Sums of chunks that overlap: one is scattered while another is added up or gathered. All ranks start the exchanges
 * of a kind in the order of the chunks, as MPI demands of the calls of a communicator.
 *
 * ```text
 * chunk 0   |-- scatter --|+|-- gather --|
 * chunk 1   |------ scatter ------|+|-- gather --|
 * chunk 2   |---------- scatter ----------|+|-- gather --|
 * chunk 3                                |-- scatter --|+|-- gather --|
 * ```
 * @module
 */

/** The place of a chunk in the order. */
export interface ChunkTurns {
  /** Is called when its scatter has been started. */
  scattered(): void;
  /** Resolves when the gather of the chunk before has been started. */
  readonly mayGather: Promise<void>;
  /** Is called when its gather has been started. */
  gathered(): void;
}

/** Runs chunks in order, so many at once. A chunk that fails ends the order: those behind it never run. */
export class ChunkPipeline {
  readonly #most: number;
  /** Ends of the newest chunks, oldest first. */
  readonly #ends: Promise<void>[] = [];
  #scattered: Promise<void> = Promise.resolve();
  #gathered: Promise<void> = Promise.resolve();

  constructor(most: number) {
    this.#most = most;
  }

  /** Runs a chunk when it is its turn; its order is that of these calls. */
  run(chunk: (turns: ChunkTurns) => Promise<void>): Promise<void> {
    const mayScatter = [this.#scattered, this.#ends.at(-this.#most)];
    const mayGather = this.#gathered;
    const scattered = Promise.withResolvers<void>();
    const gathered = Promise.withResolvers<void>();
    this.#scattered = scattered.promise;
    this.#gathered = gathered.promise;
    const end = Promise.all(mayScatter).then(() =>
      chunk({
        scattered: scattered.resolve,
        mayGather,
        gathered: gathered.resolve,
      })
    );
    end.catch(() => {}); // whoever waits for it is given it
    this.#ends.push(end);
    if (this.#ends.length > this.#most) this.#ends.shift();
    return end;
  }
}
