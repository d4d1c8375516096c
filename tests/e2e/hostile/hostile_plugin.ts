/**
 * What a hostile plugin is, as text: its module, the run that uses it, and what must come of it.
 * @module
 */
import type { Kind } from "../../../core/contracts/plugin.ts";

/** A plugin that does harm, and what is expected of a run with it. */
export interface HostilePlugin {
  /** What it does, as the middle of a sentence: "a masker that ... ". */
  readonly does: string;
  /** The text of its module. */
  readonly module: string;
  /** Settings of the run that differ from the ordinary one: the part is chosen here. */
  readonly run?: Readonly<Record<string, unknown>>;
  /** Words of the command line instead of `train run.json`. */
  readonly words?: readonly string[];
  /** Flags of Deno besides. */
  readonly flags?: readonly string[];
  /** The exit code. */
  readonly code: number;
  /** What the output must say. */
  readonly says: readonly RegExp[];
  /** Steps of the newest checkpoint that must be there and whole; absent: none has to be. */
  readonly saved?: number;
  /** A file of the run's folder that must not be there in the end. */
  readonly absent?: string;
  /** Ctrl-C is pressed once, so many ms after the start or when a text is shown, and must end the run; absent: never. */
  readonly interrupt?: number | string;
}

/** What every module begins with: a schema without options, and plain values as parts and plugins. */
const HEADER = `const options = { "~standard": { version: 1, vendor: "test",
  validate: (value) => ({ value: value ?? {} }) } };
const part = (kind, create, name = "odd") => ({ kind, name, description: "Odd", options,
  jsonSchema: { type: "object" }, create });
const plugin = (...parts) => ({ name: "odd-plugin", api: 1, parts });
const boom = () => { throw new Error("boom"); };
const never = () => new Promise(() => {});
`;

/** The text of a module: JavaScript. */
export function moduleOf(body: string): string {
  return `${HEADER}${body}\n`;
}

/** The text of a module with one part of a kind; `create` is an expression. */
export function partModule(kind: Kind, create: string): string {
  return moduleOf(`export default plugin(part("${kind}", ${create}));`);
}

/** How messages name the part of {@linkcode partModule}. */
export function named(kind: Kind): RegExp {
  return new RegExp(`the ${kind} "odd" of plugin "odd-plugin"`, "i");
}
