/**
 * The parts that come with a program, handed to core by whoever starts it: core knows no part.
 * @module
 */

/** Where the built-in parts are. */
export interface BuiltIn {
  /** URL of the module whose default export is the plugin: workers import it by this name. */
  readonly module: string;
  /** Loads the plugin. Whoever imports the library pays for no part before it is needed. */
  load(): Promise<unknown>;
}
