/**
 * Plugins that do harm while their module is loaded.
 * @module
 */
import { type HostilePlugin, moduleOf } from "./hostile_plugin.ts";

const masker = `part("masker", () => ({ weights: boom }))`;

/** A module that harms by its text. */
function loads(
  does: string,
  body: string,
  says: RegExp,
  more: Partial<HostilePlugin> = {},
): HostilePlugin {
  return {
    does,
    module: moduleOf(body),
    code: 2,
    says: [/plugin\.js/, says],
    ...more,
  };
}

/** The plugins. */
export const LOADING: readonly HostilePlugin[] = [
  loads("throws an error at load", `boom();`, /boom/),
  loads("throws a text at load", `throw "just a text";`, /just a text/),
  loads("throws null at load", `throw null;`, /null/),
  loads(
    "throws a frozen object at load",
    `throw Object.freeze({ message: "cold" });`,
    /cold/,
  ),
  loads(
    "throws an error whose message throws at load",
    `throw Object.defineProperty(new Error(), "message", { get: boom });`,
    /cannot be shown/,
  ),
  loads(
    "rejects while it is loaded",
    `await Promise.reject(new Error("late boom"));`,
    /late boom/,
  ),
  loads(
    "never ends to load",
    `await never(); export default plugin();`,
    /waiting for the plugin/,
    { code: 130, interrupt: 3600 },
  ),
  loads("exports nothing", ``, /has no default export/),
  loads("exports a number", `export default 5;`, /a number, not a plugin/),
  loads(
    "exports a proxy that throws",
    `export default new Proxy({}, { get: boom });`,
    /boom/,
  ),
  loads(
    "is of another version of the contract",
    `export default { ...plugin(), api: 99 };`,
    /"odd-plugin" is written for plugin API 99/,
  ),
  loads(
    "brings a part twice",
    `export default plugin(${masker}, ${masker});`,
    /"odd-plugin" .*brings the masker "odd" twice/,
  ),
  loads(
    "brings a part that is built in",
    `export default plugin(part("masker", () => ({ weights: boom }), "all"));`,
    /two plugins bring the masker "all": "denotune" .* and "odd-plugin"/,
  ),
  loads(
    "has the name of the built-in parts",
    `export default { ...plugin(), name: "denotune" };`,
    /already registered/,
  ),
  loads(
    "brings a kind that does not exist",
    `export default plugin(part("virus", boom));`,
    /parts\[0\] has kind "virus"/,
  ),
  loads(
    "has parts that are no list",
    `export default { ...plugin(), parts: { length: 1e9 } };`,
    /no list `parts`/,
  ),
  loads(
    "has a list of parts that throws",
    `export default { ...plugin(), parts: new Proxy([], { get: boom }) };`,
    /boom/,
  ),
  loads(
    "is no JavaScript",
    `export default {{{;`,
    /Unexpected token|expected/i,
  ),
  loads(
    "imports a module that is not there",
    `import "./gone.js"; export default plugin();`,
    /gone\.js/,
  ),
  loads(
    "imports a module from an address where nobody answers",
    `await import("http://127.0.0.1:9/x.js"); export default plugin();`,
    /127\.0\.0\.1:9/,
  ),
  loads(
    "ends the process at load, as if all were done",
    `Deno.exit(0);`,
    /ended the process/,
    { code: 1 },
  ),
  loads(
    "ends the process at load by node's way",
    `import process from "node:process"; process.exit(0);`,
    /ended the process/,
    { code: 1 },
  ),
  loads(
    "throws in a timer",
    `setTimeout(boom, 20); await new Promise((done) => setTimeout(done, 300)); export default plugin();`,
    /plugin\.js:6:28 threw where nothing could catch it .*: boom/,
  ),
  loads(
    "leaves a promise that rejects",
    `Promise.reject(new Error("boom")); await new Promise((done) => setTimeout(done, 300)); export default plugin();`,
    /plugin\.js:8:16 threw where nothing could catch it .*: boom/,
  ),
  {
    ...loads(
      "spins at load",
      `for (;;);`,
      /never returns/,
      { code: 137, interrupt: 1500 },
    ),
  },
  {
    does: "has a schema that throws",
    module: moduleOf(
      `const odd = ${masker};
export default plugin({ ...odd, options: { "~standard": { version: 1, vendor: "x", validate: boom } } });`,
    ),
    run: { data: { masker: { use: "odd", x: 1 } } },
    code: 2,
    says: [/masker "odd" of plugin "odd-plugin"/, /boom/],
  },
  {
    does: "has a schema that never answers",
    module: moduleOf(
      `const odd = ${masker};
export default plugin({ ...odd, options: { "~standard": { version: 1, vendor: "x", validate: never } } });`,
    ),
    run: { data: { masker: { use: "odd", x: 1 } } },
    code: 2,
    says: [/masker "odd" of plugin "odd-plugin"/, /did not answer within 10 s/],
  },
];
