/**
 * Commands with no more permissions than they need: they work, and each permission that is taken away is said in words,
 * with its flag and exit code 2.
 */
import assert from "node:assert/strict";
import { emptyFolder, projectFile, startWith } from "./_denotune.ts";

const CODE = projectFile("").replace(/\/$/, "");
const MOD = projectFile("mod.ts");
const IS_FULL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

/** A permission to grant: `read` and its things. */
type Grants = Readonly<Record<string, readonly string[]>>;

/** Flags, one of the things left out. */
function flagsOf(grants: Grants, without = ""): string[] {
  return Object.entries(grants).flatMap(([name, things]) => {
    const left = things.filter((thing) => `${name} ${thing}` !== without);
    return left.length === 0 ? [] : [`--allow-${name}=${left.join(",")}`];
  });
}

/** A small run on the bundled rows. */
const TRAIN = [
  "train",
  "training.max_steps=2",
  "evaluators=[]",
  "samples.prompts=[]",
  "backend=cpu",
  "training.eval_steps=null",
  "training.eval_on_start=false",
  "data.train.0.max_rows=96",
  "data.eval.0.max_rows=8",
];

const SAVED = "outputs/quickstart";

/** What commands need, and no more. */
const commands: readonly {
  readonly words: readonly string[];
  readonly needs: Grants;
}[] = [
  {
    words: TRAIN,
    needs: { read: [CODE, "denotune.yaml", "outputs"], write: ["outputs"] },
  },
  {
    words: ["generate", SAVED, "--prompt", "Reverse abc", "--max-new-tokens=4"],
    needs: { read: [CODE, SAVED] },
  },
  { words: ["report", SAVED], needs: { read: [SAVED], write: [SAVED] } },
  {
    words: ["export", SAVED, "--to", "gguf"],
    needs: {
      read: [CODE, SAVED, "cache"],
      write: [SAVED, "cache"],
      env: ["DENOTUNE_CACHE"],
    },
  },
];

/** Starts with -A would not say what is missing, so the network is always closed. */
async function run(
  folder: string,
  { words, flags }: {
    readonly words: readonly string[];
    readonly flags: readonly string[];
  },
) {
  return await startWith([...flags, "--deny-net"], folder, MOD, ...words).end();
}

Deno.test("train, generate, report and export need what is listed here, and no network", async (t) => {
  using folder = emptyFolder();
  for (const { words, needs } of commands) {
    const missing = Object.entries(needs).flatMap(([name, things]) =>
      name === "env" ? [] : things.map((thing) => [name, thing] as const)
    );
    // in the order of commands: what is refused leaves nothing behind
    for (const [name, thing] of IS_FULL ? missing : missing.slice(-1)) {
      await t.step(`${words[0]} without ${name} ${thing}`, async () => {
        const flags = flagsOf(needs, `${name} ${thing}`);
        const { code, err } = await run(folder.path, { words, flags });
        assert.equal(code, 2, err);
        assert.match(err, new RegExp(`start it with --allow-${name}=`));
        assert.doesNotMatch(err, /NotCapable|run again with|\n\s+at /);
      });
    }
    await t.step(words[0], async () => {
      const flags = flagsOf(needs);
      const { code, out, err } = await run(folder.path, { words, flags });
      assert.equal(code, 0, out + err);
    });
  }
});
