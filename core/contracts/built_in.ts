/**
 * The parts that come with a program, passed to core by the program that starts it: core knows no part.
 * @module
 */

/** Where the built-in parts are. */
export interface BuiltIn {
  /** URL of the module whose default export is the plugin: workers import it by this name. In a bundle, the bundle's. */
  readonly module: string;
  /** Loads the plugin. An import of the library loads no part before it is needed. */
  load(): Promise<unknown>;
  /** Loads the list of workers, by name: only a bundle needs it, whose modules have no URLs of their own. */
  workers?(): Promise<Readonly<Record<string, () => Promise<unknown>>>>;
}
