/**
 * The same plugins in a process without permissions, and plugins that try to get out of it.
 * @module
 */
import { CREATING } from "./creating.ts";
import { FORMATS, MASKERS, SOURCES, STREAMS, TEMPLATES } from "./data_parts.ts";
import { LOADING } from "./load.ts";
import { HARMING } from "./process.ts";
import { type HostilePlugin, moduleOf, named } from "./hostile_plugin.ts";

/** What harms nobody there: a promise is waited for, what it changes is its own, and another worker does its rows. */
const HARMLESS: readonly string[] = [
  "a format that gives a promise",
  "a template that gives a promise",
  "a masker that gives a promise",
  "a masker that changes the tokens it is shown",
  "a source whose rows are promises",
  "ends a worker that prepares rows",
];

/** What is the row's fault, not the plugin's. */
const OF_ROWS: readonly string[] = [
  "a format that gives ids that are no numbers",
  "a format that gives ids beyond the vocabulary",
];

function isolated(hostile: HostilePlugin): HostilePlugin {
  const { does, module, run } = hostile;
  // parts that run in the process cannot be isolated: the same harm, done by a masker
  const isOther = module.includes('part("schedule"');
  const isHarmless = HARMLESS.includes(does);
  return {
    does: `isolated: ${does}`,
    module: module.replaceAll('part("schedule"', 'part("masker"'),
    run: {
      ...(isOther ? { data: { masker: "odd" } } : run),
      plugins: [{ use: "./plugin.js", isolated: true, time_limit: 3 }],
    },
    code: isHarmless ? 0 : 2,
    says: isHarmless
      ? [/Ask it/]
      : [OF_ROWS.includes(does) ? /rows\.jsonl:500/ : /plugin\.js/],
  };
}

/** A masker that tries something in row 500: it is named with the row, and nothing of it has happened. */
function tries(
  does: string,
  body: string,
  says: RegExp,
  more: Partial<HostilePlugin> = {},
): HostilePlugin {
  return {
    does: `isolated: ${does}`,
    module: moduleOf(
      `const one = (t) => Float32Array.from(t.spans, () => 1);
export default plugin(part("masker", () => ({ weights: async (t) => {
  if (t.text.includes("q499")) { ${body} }
  return one(t); } })));`,
    ),
    run: {
      data: { masker: "odd" },
      plugins: [{
        use: "./plugin.js",
        isolated: true,
        time_limit: 3,
        memory_limit: "400MB",
      }],
    },
    code: 2,
    says: [named("masker"), /rows\.jsonl:500/, says],
    absent: "stolen.txt",
    ...more,
  };
}

const ended = { says: [/plugin\.js/, /rows\.jsonl:500/] };

/** Tries to get out. */
const ESCAPES: readonly HostilePlugin[] = [
  tries(
    "reads a file",
    `Deno.readTextFileSync("/etc/hostname");`,
    /read access/,
  ),
  tries(
    "reads a file by node's way",
    `(await import("node:fs")).readFileSync("/etc/hostname");`,
    /read access|permission/i,
  ),
  tries("reads the environment", `Deno.env.get("HOME");`, /env access/),
  tries(
    "writes a file",
    `Deno.writeTextFileSync("stolen.txt", t.text);`,
    /write access/,
  ),
  tries(
    "opens a socket",
    `await Deno.connect({ port: 9, hostname: "127.0.0.1" });`,
    /net access/,
  ),
  tries(
    "asks a server",
    `await fetch("http://127.0.0.1:9999/");`,
    /net access/,
  ),
  tries(
    "starts a program",
    `new Deno.Command("sh", { args: ["-c", "echo > stolen.txt"] }).outputSync();`,
    /run access/,
  ),
  tries("opens a library", `Deno.dlopen("libc.so.6", {});`, /ffi access/),
  tries(
    "imports from an address",
    `await import("http://127.0.0.1:9/x.js");`,
    /not found in cache|access/,
  ),
  tries(
    "imports a file beside it",
    `await import(new URL("./rows.js", import.meta.url).href);`,
    /may not read|access/,
  ),
  tries(
    "starts a worker with rights",
    `await new Promise((_, no) => { new Worker("data:text/javascript,Deno.writeTextFileSync('stolen.txt','x')",
      { type: "module", deno: { permissions: "inherit" } }).onerror = (e) => { e.preventDefault(); no(new Error(e.message)); }; });`,
    /./,
    ended,
  ),
  tries(
    "kills who started it",
    `Deno.kill(Deno.ppid, "SIGKILL");`,
    /run access/,
  ),
  tries("ends its process", `Deno.exit(0);`, /./, ended),
  tries("spins", `for (;;);`, /./, ended),
  tries("never answers", `await never();`, /./, ended),
  tries(
    "fills the memory",
    `const all = []; for (;;) all.push(new Array(1e5).fill(all.length));`,
    /./,
    ended,
  ),
  tries(
    "fills the memory outside of the heap",
    `const all = []; for (;;) all.push(new Uint8Array(1e8).fill(1));`,
    /./,
    ended,
  ),
  tries(
    "writes to the outputs that denotune reads",
    `for (let i = 0; i < 100; i++) console.log(JSON.stringify({ type: "answer", id: i, value: [1] }));`,
    /./,
    { code: 0, says: [/Ask it/] },
  ),
  tries(
    "changes built-in objects in row 500",
    `Array.prototype.map = () => []; JSON.parse = () => 5; Object.prototype.owned = 1;`,
    /./,
    { code: 0, says: [/Ask it/] },
  ),
];

/** The plugins. */
export const ISOLATED: readonly HostilePlugin[] = [
  ...[
    ...LOADING,
    ...CREATING,
    ...FORMATS,
    ...TEMPLATES,
    ...MASKERS,
    ...SOURCES,
    ...STREAMS,
    ...HARMING,
  ].map(isolated),
  ...ESCAPES,
];
