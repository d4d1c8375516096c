/**
 * Commands with the permissions that `--permissions` prints: they work. With one of these taken away, they work without
 * it or say which flag is missing, with exit code 2: never Deno's own error.
 */
import assert from "node:assert/strict";
import { alpacaRows, tinyRun } from "../core/cli/_run.ts";
import { CERT } from "./everywhere/_certificate.ts";
import { startHttps } from "./everywhere/_hosts.ts";
import { randomFrom } from "../../core/random.ts";
import {
  type Done,
  emptyFolder,
  projectFile,
  start,
  startIn,
  startWith,
} from "./_denotune.ts";

const MOD = projectFile("mod.ts");
const IS_FULL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

const MASKER = `
import { API_VERSION, definePart, definePlugin } from "@denotune/denotune/core";
import { z } from "zod";
import { ROLE } from "./role.ts";
const part = definePart({
  kind: "masker",
  name: "own",
  description: "Trains what the model says",
  options: z.strictObject({}),
  create: () => ({
    weights: ({ spans }) =>
      Float32Array.from(spans, (span) => span.role === ROLE ? 1 : 0),
  }),
});
export default definePlugin({ name: "own", api: API_VERSION, parts: [part] });
`;

/** A folder with a run, its rows, and a plugin of two modules in another folder. */
function project() {
  const folder = emptyFolder();
  const { path } = folder;
  Deno.mkdirSync(`${path}/parts`);
  Deno.writeTextFileSync(`${path}/parts/own.ts`, MASKER);
  Deno.writeTextFileSync(
    `${path}/parts/role.ts`,
    'export const ROLE = "assistant";',
  );
  Deno.writeTextFileSync(`${path}/rows.jsonl`, alpacaRows(16));
  Deno.writeTextFileSync(
    `${path}/run.yaml`,
    tinyRun(path).replace("[jsonl]", "[console, jsonl, tensorboard]") +
      "plugins: [./parts/own.ts]\n",
  );
  return folder;
}

/** The flags that a command prints. */
async function printedFlags(folder: string, words: readonly string[]) {
  const { code, out, err } = await start(folder, MOD, ...words, "--permissions")
    .end();
  assert.equal(code, 0, err);
  const flags = out.split(" \\\n  ").slice(1, -1);
  return flags.map((flag) => flag.replaceAll("'", ""));
}

/** Every way to leave one thing out of some flags. */
function withoutOne(flags: readonly string[]) {
  return flags.flatMap((flag, at) => {
    if (!flag.startsWith("--allow-")) return [];
    const [name, list] = flag.split("=");
    const others = (left: readonly string[]) => [
      ...flags.slice(0, at),
      ...left.length === 0 ? [] : [`${name}=${left.join(",")}`],
      ...flags.slice(at + 1),
    ];
    const things = list?.split(",") ?? [];
    if (things.length === 0) return [{ without: name, flags: others([]) }];
    return things.map((thing) => ({
      without: `${name}=${thing}`,
      flags: others(things.filter((other) => other !== thing)),
    }));
  });
}

/** What commands that serve print when they have begun. */
const SERVING: Readonly<Record<string, string>> = {
  serve: "Serving",
  ui: "token=",
};

async function run(
  folder: string,
  flags: readonly string[],
  words: readonly string[],
): Promise<Done> {
  const running = startWith(flags, folder, MOD, ...words);
  const begun = SERVING[words[0]];
  if (begun !== undefined) {
    await Promise.race([running.until(begun), running.end()])
      .catch(() => {}); // it ended before: its exit code says why
    try {
      running.process.kill("SIGTERM");
    } catch {
      // it has ended
    }
  }
  return await running.end();
}

function assertDone({ code, out, err }: Done, words: readonly string[]): void {
  assert.ok(code === 0 || (words[0] in SERVING && code === 130), out + err);
}

/** Commands in an order in which each finds what it needs; the first ones in CI. */
const commands: readonly (readonly string[])[] = [
  ["train", "run.yaml", "output_dir=outputs/run"],
  ["generate", "outputs/run", "--prompt", "a", "--max-new-tokens=2"],
  ["report", "outputs/run"],
  ["check", "run.yaml"],
  ["inspect", "rows.jsonl"],
  ["inspect", "run.yaml", "--html", "look.html"],
  ["analyze", "rows.jsonl"],
  ["prepare", "run.yaml"],
  ["evaluate", "outputs/run", "--data", "rows.jsonl", "-e", "perplexity"],
  ["export", "outputs/run", "--to", "gguf", "--force"],
  ["chat", "outputs/run"],
  ["serve", "outputs/run", "--port", "0"],
  ["ui", "--port", "0"],
  ["init", "rows.jsonl", "--model", "outputs/run", "--force"],
  ["plugins", "run.yaml"],
  ["schema", "run.yaml"],
  ["doctor"],
  ["completions", "bash"],
];

Deno.test("commands work with the permissions that --permissions prints, and say which one is missing", async (t) => {
  using folder = project();
  const random = randomFrom(7);
  for (const words of commands.slice(0, IS_FULL ? undefined : 2)) {
    const flags = await printedFlags(folder.path, words);
    const less = withoutOne(flags)
      .sort(() => random.next() - 0.5)
      .slice(0, IS_FULL ? undefined : 2);
    for (const { without, flags } of less) {
      await t.step(`${words[0]} without ${without}`, async () => {
        const done = await run(folder.path, flags, words);
        assert.doesNotMatch(done.err, /NotCapable|run again with|\n\s+at /);
        // doctor says it of each backend
        if (words[0] === "doctor" && done.code === 1) {
          return assert.match(done.out, /may not .*start it with --allow-/s);
        }
        if (done.code !== 2) return assertDone(done, words);
        assert.match(done.err, /may not .*start it with --allow-/s);
        assert.match(done.err, /--permissions prints every flag/);
      });
    }
    await t.step(words.join(" "), async () => {
      assertDone(await run(folder.path, flags, words), words);
    });
  }
});

/** A format without imports, for an isolated plugin. */
const FORMAT = `export default { name: "shape", api: 1, parts: [{
  kind: "format", name: "shape", description: "x", jsonSchema: { type: "object" },
  options: { "~standard": { version: 1, vendor: "x", validate: () => ({ value: {} }) } },
  create: () => ({ template: "alpaca", recognises: () => true, parse: ({ value }) => ({ messages: [{ role: "user", content: value.instruction }, { role: "assistant", content: value.output }] }) }),
}] };`;

Deno.test("plugins from elsewhere, those that are trusted and those that are isolated, run with exactly the flags that are printed", async (t) => {
  using folder = emptyFolder();
  const { path } = folder;
  const cwd = `${path}/run`;
  for (const name of ["run", "else", "alike"]) {
    Deno.mkdirSync(`${path}/${name}`);
  }
  Deno.writeTextFileSync(`${path}/else/own.ts`, MASKER);
  Deno.writeTextFileSync(
    `${path}/else/role.ts`,
    'export { ROLE } from "../alike/role.ts";',
  );
  Deno.writeTextFileSync(
    `${path}/alike/role.ts`,
    'export const ROLE = "assistant";',
  );
  Deno.writeTextFileSync(`${path}/shape.js`, FORMAT);
  Deno.writeTextFileSync(`${cwd}/rows.jsonl`, alpacaRows(16));
  const host = startHttps({
    "remote.js": `export { default } from "./lib/remote.js";`,
    "lib/remote.js": FORMAT.replaceAll("shape", "remote"),
  });
  Deno.writeTextFileSync(`${cwd}/cert.pem`, CERT);
  const env = { DENO_CERT: `${cwd}/cert.pem` };
  const lines = (more: string) =>
    tinyRun(cwd).replace("format: alpaca", "format: shape, masker: own") +
    `plugins: [../else/own.ts, {use: ../shape.js, isolated: true}${more}]\n`;
  Deno.writeTextFileSync(`${cwd}/run.yaml`, lines(""));
  Deno.writeTextFileSync(`${cwd}/web.yaml`, lines(`, "${host.url}remote.js"`));
  const all: readonly (readonly string[])[] = [
    ["schema", "run.yaml"],
    ["train", "run.yaml"],
    ["evaluate", "outputs/run", "--data", "rows.jsonl", "-e", "perplexity"],
    ["schema", "web.yaml"],
    ["train", "web.yaml", "output_dir=outputs/web"],
  ];
  for (const words of all.slice(0, IS_FULL ? undefined : 1)) {
    await t.step(words.join(" "), async () => {
      const starting = { cwd, env };
      const printed = await startIn(
        { ...starting, permissions: ["-A", "--no-lock"] },
        MOD,
        ...words,
        "--trust",
        "--permissions",
      ).end();
      assert.equal(printed.code, 0, printed.err);
      const flags = printed.out.split(" \\\n  ").slice(1, -1)
        .map((flag) => flag.replaceAll("'", ""));
      const isRun = flags.some((flag) =>
        flag === `--allow-run=${Deno.execPath()}`
      );
      assert.ok(isRun, printed.out);
      if (IS_FULL) {
        const denied = flags.map((flag) =>
          flag.replace(",DENOTUNE_CONFIG", "")
        );
        const refused = await startIn(
          { ...starting, permissions: [...denied, "--no-lock"] },
          MOD,
          ...words,
        ).end();
        assert.equal(refused.code, 2, refused.out);
        assert.match(
          refused.err,
          /What you trusted before is not known\. Cannot read what is trusted: this process may not read the environment variable DENOTUNE_CONFIG; start it with --allow-env=/,
        );
        assert.match(refused.err, /--permissions prints every flag/);
      }
      const done = await startIn(
        { ...starting, permissions: [...flags, "--no-lock"] },
        MOD,
        ...words,
      ).end();
      assertDone(done, words);
      assert.doesNotMatch(done.err, /is not remembered/);
    });
  }
});

Deno.test("the quickstart trains with its own code, its output and no network, and records it", async () => {
  using folder = emptyFolder();
  const code = projectFile("").replace(/\/$/, "");
  const { code: exit, out, err } = await startWith(
    [
      "--deny-net",
      `--allow-read=${code},denotune.yaml,outputs`,
      "--allow-write=outputs",
    ],
    folder.path,
    MOD,
    "train",
    "training.max_steps=2",
    "data.train.0.max_rows=96",
    "data.eval.0.max_rows=8",
    "evaluators=[]",
    "samples.prompts=[Reverse abc]",
  ).end();
  assert.equal(exit, 0, out + err);
  const saved = `${folder.path}/outputs/quickstart`;
  const events = Deno.readTextFileSync(`${saved}/metrics.jsonl`).trim()
    .split("\n").map((line) => JSON.parse(line));
  const began = events.find(({ event }) => event === "start");
  assert.deepEqual(began.permissions, [
    `read:${saved}`,
    `write:${saved}`,
  ]);
});
