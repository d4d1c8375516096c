import assert from "node:assert/strict";
import { run } from "./_run.ts";

const COMMANDS = [
  "train",
  "check",
  "inspect",
  "generate",
  "doctor",
  "plugins",
  "schema",
  "init",
];

Deno.test("without a command the help names all of them, exit code 0", async () => {
  const { code, out } = await run();
  assert.equal(code, 0);
  for (const name of COMMANDS) {
    assert.match(out, new RegExp(`^ {2}${name}\\b`, "m"));
  }
});

for (const name of COMMANDS) {
  Deno.test(`${name} --help says what it does and fits a screen`, async () => {
    const { code, out, err } = await run(name, "--help");
    assert.equal(code, 0);
    assert.equal(err, "");
    assert.match(out, new RegExp(`^Usage: denotune ${name}`));
    assert.ok(out.split("\n").length < 60);
  });
}

Deno.test("an unknown command is exit code 2 with the nearest name", async () => {
  const { code, err } = await run("trian");
  assert.equal(code, 2);
  assert.match(err, /unknown command 'trian'\n\(Did you mean train\?\)/);
});

for (const name of ["push", "completions", "generate", "export", "report"]) {
  Deno.test(`${name} without what it needs shows an example, exit code 2`, async () => {
    const { code, err } = await run(name);
    assert.equal(code, 2);
    assert.match(
      err,
      new RegExp(
        `^error: missing required argument '.*'\nFor example: .* ${name} \\S+`,
      ),
    );
  });
}

Deno.test("--permissions prints a command line and runs nothing", async () => {
  const { code, out, err } = await run("schema", "--permissions");
  assert.equal(code, 0, err);
  // in CI Deno comes from npx
  assert.match(
    out,
    /^(?:npx .*)?deno(?:@\S+)? run .*--no-prompt.*--deny-net.* schema\n$/s,
  );
});

Deno.test("an unknown option is exit code 2", async () => {
  const { code, err } = await run("train", "--fast");
  assert.equal(code, 2);
  assert.match(err, /unknown option '--fast'/);
});

Deno.test("a number that is none is exit code 2", async () => {
  const { code, err } = await run("generate", "x", "--top-k", "many");
  assert.equal(code, 2);
  assert.match(err, /--top-k.*Expected a whole number/s);
});

Deno.test("--version is the version of the package", async () => {
  const { version } = JSON.parse(
    Deno.readTextFileSync(new URL("../../../deno.json", import.meta.url)),
  );
  assert.equal((await run("--version")).out, `${version}\n`);
});

Deno.test("a setting written as an option is named as it is written here", async () => {
  const { code, err } = await run("train", "run.yaml", "--epochs", "3");
  assert.equal(code, 2);
  assert.match(err, /without dashes: training\.epochs=VALUE/);
  const packing = await run("train", "--packing");
  assert.match(packing.err, /without dashes: data\.collator=packed/);
});
