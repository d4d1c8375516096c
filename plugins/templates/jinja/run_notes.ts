/**
 * What a rendering notes besides its text.
 * @module
 */

/** What a rendering recorded about itself. */
export interface RunNotes {
  /** Index of the message that was read last: where an error most likely is. */
  message: number | null;
  /** Whether the template read `input` of a message. */
  readsInput: boolean;
}
