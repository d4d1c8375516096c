/**
 * `deno task guide`: the end of each page of examples/kinds, made of what `init --plugin` writes for the kind: the part,
 * its test, what the suite checks, and an error. The templates of `init` are the one source; a test compares.
 * @module
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  API_VERSION,
  definePart,
  type Kind,
  KINDS,
  Registry,
} from "@denotune/denotune/core";
import { z } from "zod";
import {
  createPart,
  creatingWith,
} from "../../core/config/parts/create_part.ts";
import { messageOf } from "../../core/contracts/errors.ts";
import { templates } from "../../plugins/commands/init/plugin/kinds/mod.ts";
import { packageFiles } from "../../plugins/commands/init/plugin/package_files.ts";
import { fromFileUrl } from "../files.ts";

/** Begins what is written here: what is above it is written by hand. */
const MARK =
  "<!-- `deno task guide` writes what follows from what `init --plugin` writes -->";

const FOLDER = fromFileUrl(new URL("../../examples/kinds/", import.meta.url));

/** Path of the page of a kind. */
export function pagePath(kind: Kind): string {
  return join(FOLDER, `${kind}.md`);
}

/** The pages as they should be, by kind, given what they are. */
export async function guidePages(): Promise<Map<Kind, string>> {
  const folder = await Deno.makeTempDir();
  const pages = new Map<Kind, string>();
  try {
    for (const kind of KINDS) {
      const [written] = (await Deno.readTextFile(pagePath(kind))).split(MARK);
      await Deno.writeTextFile(
        join(folder, `${kind}.md`),
        `${written.trimEnd()}\n\n${MARK}\n\n${await madeFor(kind)}`,
      );
    }
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["fmt", "-q", "--no-config", folder],
    }).output();
    if (!success) throw new Error("Cannot format the pages of the guide");
    for (const kind of KINDS) {
      pages.set(kind, await Deno.readTextFile(join(folder, `${kind}.md`)));
    }
    return pages;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function madeFor(kind: Kind): Promise<string> {
  const name = `my-${kind}`;
  const files = packageFiles(
    { name, full: `@your-scope/${name}`, kind, checkout: null },
    templates[kind],
  );
  const checks = await checksOf(name, files);
  const code = (language: string, text: string) =>
    `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;
  return [
    "## A whole one",
    `\`init --plugin ${name} --kind ${kind}\` writes this package, which passes its tests and trains as it is. \`mod.ts\`:`,
    code("ts ignore", files["mod.ts"]),
    "`mod_test.ts`:",
    code("ts ignore", files["mod_test.ts"]),
    "`run.yaml`:",
    code("yaml", files["run.yaml"]),
    "## What the suite checks",
    checks.map((check) => `- ${check}`).join("\n"),
    "## An error",
    "What a part lacks is said when it is made, what it gives when it is called:",
    code("text", await errorOf(kind, name)),
  ].join("\n\n") + "\n";
}

/** Names of the tests of a package that its suite brings. */
async function checksOf(
  name: string,
  files: Readonly<Record<string, string>>,
): Promise<string[]> {
  const folder = await Deno.makeTempDir();
  const found: string[] = [];
  const test = Deno.test;
  try {
    for (const file of ["mod.ts", "mod_test.ts"]) {
      await Deno.writeTextFile(join(folder, file), files[file]);
    }
    const collect = (first: string | { readonly name: string }) =>
      void found.push(typeof first === "string" ? first : first.name);
    Object.defineProperty(Deno, "test", {
      value: Object.assign(collect, { ignore: collect }),
      configurable: true,
    });
    await import(pathToFileURL(join(folder, "mod_test.ts")).href);
  } finally {
    Object.defineProperty(Deno, "test", { value: test, configurable: true });
    await Deno.remove(folder, { recursive: true });
  }
  // `my-model (tied): ...`, `my-backend agrees ...`
  const prefix = new RegExp(`^${name}( \\([^)]*\\))?:? `);
  const ofSuite = found.filter((title) => prefix.test(title))
    .map((title) => title.replace(prefix, ""));
  return [...new Set(ofSuite)];
}

/** What is said of a part that has nothing. */
async function errorOf(kind: Kind, name: string): Promise<string> {
  const registry = new Registry();
  const part = definePart({
    kind,
    name,
    description: "A part that has nothing",
    options: z.strictObject({}),
    create: () => ({}) as never,
  });
  registry.add({ name, api: API_VERSION, parts: [part] }, "./mod.ts");
  try {
    await createPart(kind, name, creatingWith(registry));
  } catch (error) {
    return `error: ${messageOf(error)}`;
  }
  throw new Error(`A ${kind} that has nothing is taken`);
}

if (import.meta.main) {
  for (const [kind, page] of await guidePages()) {
    await Deno.writeTextFile(pagePath(kind), page);
  }
}
