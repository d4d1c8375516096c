/**
 * The door of core: what parts and examples use, and the types that these need. Nothing else.
 * @module
 */
import assert from "node:assert/strict";
import * as door from "@denotune/denotune/core";
import { walk } from "../files.ts";
import { root } from "../house/imports.ts";

/** What strangers need although no part of ours does, and why. */
const FOR_STRANGERS: Readonly<Record<string, string>> = {
  API_CHANGES: "the changelog of the plugin API",
  API_VERSION:
    "the plugin API of this denotune; a plugin writes it as a number",
  BUILT_IN: "the module of a built-in part in a registry",
  choose: "a part chosen in TypeScript, with its options",
  DenotuneError: "the base of the four errors",
  LevelValue: "what a loss of one's own is made of",
  logsumexp: "a statistic of logits for a loss of one's own",
  meanLogProbability: "a statistic of logits for a loss of one's own",
  numberText:
    "a number of a row as its source wrote it, for a format or template",
  ownModule: "a door of one's own with other built-in parts",
  quantizedWords: "sizes of quantised storage, for the suite of a backend",
  swiglu: "the gated unit of a model family",
  Registry: "a registry of one's own, in a test",
  tokenizerOf: "the tokenizer's facts of a host",
  workInBundle: "a door of one's own with other built-in parts, in a bundle",
};

const IMPORT =
  /(?:import|export)\s+(?:type )?\{([^}]*)\}\s*from\s*"@denotune\/denotune\/(?:core|device)"/g;

async function usedNames(): Promise<Set<string>> {
  const used = new Set<string>();
  const folders = ["plugins", "formats", "backends", "examples"];
  for (const folder of folders) {
    for (const url of walk(new URL(`${folder}/`, root))) {
      const text = await Deno.readTextFile(new URL(url));
      for (const [, names] of text.matchAll(IMPORT)) {
        for (const name of names.split(",")) {
          used.add(name.trim().replace(/^type /, "").split(" as ")[0]);
        }
      }
    }
  }
  return used;
}

const used = await usedNames();

Deno.test("every value of core's door is used by a part or an example, or says why it is there", () => {
  const idle = Object.keys(door).filter((name) =>
    !used.has(name) && !(name in FOR_STRANGERS)
  );
  assert.deepEqual(idle, []);
});

Deno.test("every type that core's door names is used by a part, or needed by something that it exports", async () => {
  const doors = await Promise.all(
    ["core/mod.ts", "core/device/mod.ts"].map((path) =>
      Deno.readTextFile(new URL(path, root))
    ),
  );
  // paths from core: the small door, which the other passes on, stands one folder deeper
  const text = doors[0] +
    doors[1].replaceAll('"./', '"./device/').replaceAll('"../', '"./');
  const types: string[] = [];
  const files = new Set<string>();
  for (
    const [, all, names, file] of text.matchAll(
      /export (type )?(?:\{([^}]*)\}|\*) from "\.\/([^"]+)"/g,
    )
  ) {
    files.add(file);
    for (const name of (names ?? "").split(",").map((n) => n.trim())) {
      if (name === "" || (all === undefined && !name.startsWith("type "))) {
        continue;
      }
      types.push(name.replace(/^type /, "").split(" as ")[0]);
    }
  }
  files.add("graph/kernels/_definition.ts"); // what graph/kernels/mod.ts passes on
  const texts = await Promise.all(
    [...files].map((file) => Deno.readTextFile(new URL(`core/${file}`, root))),
  );
  const uses = (name: string) =>
    texts.reduce(
      (sum, text) =>
        sum + (text.match(new RegExp(`\\b${name}\\b`, "g"))?.length ?? 0),
      0,
    );
  const idle = types.filter((name) => !used.has(name) && uses(name) < 2);
  assert.deepEqual(idle, []);
});
