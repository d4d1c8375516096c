/**
 * Plugins that harm the process and everything else in it: built-in objects, memory, files, other programs.
 * @module
 */
import { CHOSEN } from "./creating.ts";
import { type HostilePlugin, moduleOf } from "./hostile_plugin.ts";

const GOOD =
  `export default plugin(part("schedule", () => ({ factor: () => 1 })));`;

function changes(what: string, body: string, name: RegExp): HostilePlugin {
  return {
    does: `changes ${what}`,
    module: moduleOf(`${body}\n${GOOD}`),
    code: 2,
    says: [/plugin\.js changes/, name],
  };
}

/** The plugins. */
export const HARMING: readonly HostilePlugin[] = [
  {
    ...changes(
      "Array.prototype.map",
      `Array.prototype.map = () => { throw new Error("boom"); };`,
      /Array\.prototype\.map/,
    ),
  },
  changes(
    "JSON.parse",
    `JSON.parse = () => ({ owned: true });`,
    /JSON\.parse/,
  ),
  changes(
    "what every object has",
    `Object.prototype.owned = true;`,
    /Object\.prototype\.owned/,
  ),
  changes(
    "the length of typed arrays",
    `Object.defineProperty(Object.getPrototypeOf(Float32Array.prototype), "length", { get: () => 0 });`,
    /TypedArray\.prototype\.length/,
  ),
  changes(
    "promises",
    `Promise.prototype.then = () => {};`,
    /Promise\.prototype\.then/,
  ),
  {
    ...changes("what a list is made of", "", /./),
    module: moduleOf(
      `Array.prototype[Symbol.iterator] = function* () {}; throw new Error("boom");`,
    ),
    says: [/plugin\.js/, /boom/],
  },
  {
    does: "reads a file that it may not read",
    module: moduleOf(
      `export default plugin(part("schedule", () => Deno.readTextFileSync("/etc/passwd.gone")));`,
    ),
    run: CHOSEN.schedule,
    code: 2,
    says: [/schedule "odd" of plugin "odd-plugin"/, /No such file/],
  },
  {
    does: "starts a program that is not there",
    module: moduleOf(
      `export default plugin(part("schedule", () => new Deno.Command("no-such-program").outputSync()));`,
    ),
    run: CHOSEN.schedule,
    code: 2,
    says: [/schedule "odd" of plugin "odd-plugin"/, /no-such-program/],
  },
  {
    does: "opens a socket where nobody listens",
    module: moduleOf(
      `export default plugin(part("schedule", () => Deno.connect({ port: 9, hostname: "127.0.0.1" })));`,
    ),
    run: CHOSEN.schedule,
    code: 2,
    says: [/schedule "odd" of plugin "odd-plugin"/, /refused/],
  },
  {
    does: "ends a worker that prepares rows",
    module: moduleOf(
      `export default plugin(part("masker", () => ({ weights: (t) => {
  if (typeof DedicatedWorkerGlobalScope !== "undefined") Deno.exit(3);
  return Float32Array.from(t.spans, () => 1); } })));`,
    ),
    run: { data: { masker: "odd", workers: 2 } },
    code: 2,
    says: [/worker that prepares rows was ended by .*plugin\.js/],
  },
];

/** A schedule that is an ordinary one up to its second call in step 5, where it does something. */
function inStep5(body: string): string {
  return moduleOf(
    `let asked = 0; const factor = (step) => { if (step === 4 && ++asked === 2) { ${body} } return 1; };
export default plugin(part("schedule", () => ({ factor })));`,
  );
}

/**
 * What cannot be held, because the code of a trusted plugin runs in the process with all of its rights: what is saved
 * is whole here too, but nobody is named, or nothing is refused.
 */
export const NOT_HELD: readonly HostilePlugin[] = [
  {
    does: "kills the process",
    module: inStep5(`Deno.kill(Deno.pid, "SIGKILL");`),
    run: CHOSEN.schedule,
    code: 137,
    says: [],
    saved: 4,
  },
  {
    does: "fills the memory",
    module: inStep5(
      `const all = []; for (;;) all.push(new Array(1e5).fill(all.length));`,
    ),
    run: CHOSEN.schedule,
    flags: ["--v8-flags=--max-old-space-size=120"],
    code: 133,
    says: [/out of memory/],
    saved: 4,
  },
  {
    does: "changes Array.prototype.map after it was loaded",
    module: inStep5(
      `Array.prototype.map = () => { throw new Error("boom"); };`,
    ),
    run: CHOSEN.schedule,
    code: 1,
    says: [/boom/, /a fault in denotune or in a plugin/],
    saved: 4,
  },
  {
    does: "reads and writes files as the process may",
    module: moduleOf(
      `Deno.writeTextFileSync("stolen.txt", Deno.readTextFileSync("rows.jsonl")); ${GOOD}`,
    ),
    run: CHOSEN.schedule,
    code: 0,
    says: [/Ask it/],
  },
];
