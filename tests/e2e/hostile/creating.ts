/**
 * Plugins that do harm when their part is made, and parts that lack what their kind has.
 * @module
 */
import { type Kind, KINDS } from "../../../core/contracts/plugin.ts";
import { type HostilePlugin, named, partModule } from "./hostile_plugin.ts";

/** What a run file says to have the part of a kind called `odd`. */
export const CHOSEN: {
  readonly [K in Kind]: Readonly<Record<string, unknown>>;
} = {
  source: {
    data: { train: [{ path: "rows.jsonl", format: "alpaca", source: "odd" }] },
  },
  format: { data: { train: [{ path: "rows.jsonl", format: "odd" }] } },
  template: { data: { template: "odd" } },
  tokenizer: { tokenizer: "odd" },
  masker: { data: { masker: "odd" } },
  collator: { data: { collator: "odd" } },
  objective: { objective: "odd" },
  model: { model: { from_config: { model_type: "odd" } } },
  adapter: { adapter: "odd" },
  optimizer: { optimizer: "odd" },
  schedule: { schedule: "odd" },
  backend: { backend: "odd" },
  collective: { parallel: "odd" },
  evaluator: { evaluators: ["odd"], data: { eval_fraction: 0.01 } },
  tracker: { trackers: ["odd", "jsonl", "console"] },
  exporter: {},
  activation: {},
  command: {},
};

/** Makes plugins whose part of a kind does harm in a run; `also` is said besides what each of them says. */
export function harmsSaying(...also: readonly RegExp[]): (
  kind: Kind,
  does: string,
  create: string,
  says: RegExp,
  more?: Partial<HostilePlugin>,
) => HostilePlugin {
  return (kind, does, create, says, more = {}) => ({
    does,
    module: partModule(kind, create),
    run: CHOSEN[kind],
    code: 2,
    says: [named(kind), ...also, says],
    ...more,
  });
}

const created = (
  does: string,
  create: string,
  says: RegExp,
  more: Partial<HostilePlugin> = {},
): HostilePlugin => ({
  does,
  module: partModule("schedule", create),
  run: CHOSEN.schedule,
  code: 2,
  says: [named("schedule"), says],
  ...more,
});

/** Whose `create` harms. */
export const CREATING: readonly HostilePlugin[] = [
  created("throws in create", "boom", /boom/),
  created(
    "throws a symbol in create",
    `() => { throw Symbol("odd"); }`,
    /Symbol\(odd\)/,
  ),
  created(
    "rejects with nothing in create",
    `() => Promise.reject(undefined)`,
    /undefined/,
  ),
  created("never ends to create", "never", /waiting for the schedule/, {
    code: 1,
  }),
  created(
    "gives a promise's double that never answers",
    `() => ({ then() {} })`,
    /waiting for/,
    { code: 1 },
  ),
  created(
    "gives a proxy that throws",
    `() => new Proxy({}, { get: (_, name) => name === "then" ? undefined : boom() })`,
    /boom/,
  ),
  created(
    "throws an error whose properties throw",
    `() => { throw new Proxy(new Error(), { get: boom, getPrototypeOf: boom, has: boom }); }`,
    /cannot be shown/,
  ),
  created(
    "says that it is a ConfigError that was no error",
    `() => { throw { name: "ConfigError", message: 5 }; }`,
    /./,
  ),
  created(
    "makes itself forever",
    `(o, host) => host.create("schedule", "odd")`,
    /./,
  ),
  created(
    "throws a megabyte",
    `() => { throw new Error("x".repeat(1e6) + "\\n".repeat(1e4)); }`,
    /more characters with --verbose/,
  ),
  created(
    "writes to the terminal's controls in an error",
    `() => { throw new Error("\\u001b[2J\\u001b]0;owned\\u0007 gone"); }`,
    /gone/,
  ),
  created(
    "ends the process with a code of its own",
    `() => Deno.exit(7)`,
    /ended the process/,
    { code: 1, says: [/ended the process/, /plugin\.js/] },
  ),
  created(
    "freezes the thread for some seconds, then goes on",
    `() => { const t = Date.now(); while (Date.now() < t + 300); return { factor: () => 1 }; }`,
    /./,
    { code: 0, says: [/Ask it/] },
  ),
];

/** Whose part has nothing of its kind. */
export const EMPTY: readonly HostilePlugin[] = KINDS
  .filter((kind) => Object.keys(CHOSEN[kind]).length > 0)
  .map((kind) => ({
    does: `brings a ${kind} that is an empty object`,
    module: partModule(kind, "() => ({})"),
    run: CHOSEN[kind],
    code: 2,
    says: [named(kind)],
  }));
