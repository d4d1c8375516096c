/**
 * What is wrong within a row.
 * @module
 */

/** What is wrong with a row's text, and at which UTF-16 unit of it. */
export class RowProblem extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}
