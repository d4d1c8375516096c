/**
 * JSON as a type.
 * @module
 */

/** JSON, as option values and schemas are. */
export type Json = null | boolean | number | string | readonly Json[] | {
  readonly [key: string]: Json;
};
