/**
 * Which tokens an answer may have: what a grammar (a JSON schema, a list of choices) asks of generation, row by row.
 *
 * ```text
 * logits ─► allowed() ─► sampling among those ─► accept(id) ─► the next token
 * ```
 * @module
 */

/** Constrains one answer; made anew for each. */
export interface TokenConstraint {
  /**
   * The tokens that may come next, a bit each: bit `id % 32` of word `floor(id / 32)`, `ceil(V / 32)` words or more.
   * Null: all of them. Asked once before each token, and not kept: the same array may be given again. Ids that end the
   * answer are among them where it may end there, and where nothing else can follow they are the only ones.
   */
  allowed(): Int32Array | null;
  /** Takes the token that was chosen, which was allowed. */
  accept(id: number): void;
}
