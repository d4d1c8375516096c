/**
 * What every command must do. Call it with your own: it registers tests.
 * @module
 */
import assert from "node:assert/strict";
import {
  type AnyPart,
  API_VERSION,
  type BuiltIn,
  type Command,
  type Output,
  type Part,
  type Program,
} from "@denotune/denotune/core";
import { main } from "../../core/cli/main.ts";
import {
  createPart,
  creatingWith,
} from "../../core/config/parts/create_part.ts";
import { openRegistry } from "../../core/config/parts/open_registry.ts";
import { builtIn } from "../../plugins/library.ts";

/** What a command did. */
export interface CommandRun {
  /** Its exit code. */
  readonly code: number;
  /** What it wrote to standard output. */
  readonly out: string;
  /** What it wrote to standard error. */
  readonly err: string;
}

/** Runs `command words...` with the part beside the built-in ones, its output captured. */
export async function runCommand(
  part: Part<"command">,
  words: readonly string[],
): Promise<CommandRun> {
  return await captured(words, {
    builtIn: beside(part),
    quickstart: () => Promise.resolve({}),
  });
}

/** Runs a command line of a program in this process, its output captured. */
export async function captured(
  words: readonly string[],
  program: Program,
): Promise<CommandRun> {
  const text = { out: "", err: "" };
  const outputTo = (name: "out" | "err"): Output => ({
    color: false,
    width: 100,
    write: (more) => void (text[name] += more),
    line: (more = "") => void (text[name] += `${more}\n`),
    style: (_, more) => more,
  });
  const code = await main(words, program, {
    out: outputTo("out"),
    err: outputTo("err"),
  });
  return { code, ...text };
}

/** Registers the tests of a command. */
export function testCommand(part: Part<"command">): void {
  const { name } = part;

  Deno.test(`${name}: its name is one word, and one sentence says what it does`, () => {
    assert.match(name, /^[a-z][a-z0-9-]*$/);
    assert.ok(part.description.length > 0 && !part.description.includes("\n"));
  });

  Deno.test(`${name}: every option has a description, and one that may be left out`, async () => {
    const { optionsSchema } = await commandOf(part);
    assert.equal(optionsSchema.type, "object");
    const { properties = {}, required = [] } = optionsSchema;
    assert.ok(Array.isArray(required));
    for (const [option, schema] of Object.entries(properties ?? {})) {
      assert.match(option, /^[a-z][a-z0-9_]*$/);
      assert.ok(
        typeof schema.description === "string" && schema.description !== "",
        `${option} says nothing`,
      );
      assert.ok(!required.includes(option), `${option} must be given`);
    }
  });

  Deno.test(`${name}: the list of commands names it, and its help names its options`, async () => {
    const list = await runCommand(part, ["--help"]);
    assert.equal(list.code, 0);
    assert.ok(list.out.includes(name));
    const help = await runCommand(part, [name, "--help"]);
    assert.equal(help.code, 0, help.err);
    const { properties } = (await commandOf(part)).optionsSchema;
    for (const option of Object.keys(properties ?? {})) {
      assert.ok(help.out.includes(option.replaceAll("_", "-")), option);
    }
  });

  Deno.test(`${name}: an option that it does not know is exit code 2`, async () => {
    const { code, err } = await runCommand(part, [name, "--no-such-option"]);
    assert.equal(code, 2);
    assert.match(err, /no-such-option/);
  });
}

function beside(part: Part<"command">): BuiltIn {
  return {
    module: builtIn.module,
    async load() {
      const registry = await openRegistry(builtIn);
      const parts: AnyPart[] = registry.list().map((known) => known.part)
        .filter(({ kind, name }) => kind !== "command" || name !== part.name);
      return { name: "denotune", api: API_VERSION, parts: [...parts, part] };
    },
  };
}

async function commandOf(part: Part<"command">): Promise<Command> {
  const registry = await openRegistry(beside(part));
  return await createPart("command", part.name, creatingWith(registry));
}
