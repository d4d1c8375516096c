import assert from "node:assert/strict";
import process from "node:process";
import { ConfigError } from "../../core/contracts/errors.ts";
import { namingPermissions } from "../../core/permission_words.ts";
import {
  environmentVariable,
  grantedOf,
  hostName,
  isGranted,
  missingPermission,
  permissionError,
  whyUnset,
  withoutEnvironment,
} from "../../core/permissions.ts";

Deno.test({
  name:
    "environmentVariable and hostName give nothing where they may not be read",
  permissions: { env: ["PATH"] },
  fn() {
    assert.equal(typeof environmentVariable("PATH"), "string");
    assert.equal(environmentVariable("HOME"), undefined);
    assert.equal(
      whyUnset("HOME"),
      "may not be read by this process (add --allow-env=HOME)",
    );
    assert.equal(whyUnset("PATH"), "is not set");
    assert.equal(hostName(), null);
    assert.equal(isGranted({ name: "env", variable: "HOME" }), false);
  },
});

Deno.test({
  name:
    "withoutEnvironment lets a library look for variables that may not be read",
  permissions: "none",
  fn() {
    assert.throws(() => process.env.LOG_TOKENS, Deno.errors.NotCapable);
    assert.equal(withoutEnvironment(() => process.env.LOG_TOKENS), undefined);
    assert.throws(() => process.env.LOG_TOKENS, Deno.errors.NotCapable);
    assert.throws(() =>
      withoutEnvironment(() => {
        throw new RangeError("as it is");
      }), RangeError);
    assert.throws(() => process.env.LOG_TOKENS, Deno.errors.NotCapable);
  },
});

/** What needs a permission, and the end of the sentence about it. */
const needs: Readonly<Record<string, readonly [() => unknown, RegExp]>> = {
  read: [
    () => Deno.readTextFileSync("/etc/hosts"),
    /may not read \/etc\/hosts; start it with --allow-read=\/etc\/hosts$/,
  ],
  write: [
    () => Deno.writeTextFileSync("/nowhere/a b", ""),
    /may not write \/nowhere\/a b; start it with --allow-write=\/nowhere\/a b$/,
  ],
  "temporary files": [
    () => Deno.makeTempDirSync(),
    /may not write the folder for temporary files; start it with --allow-write$/,
  ],
  env: [
    () => Deno.env.get("HOME"),
    /may not read the environment variable HOME; start it with --allow-env=HOME$/,
  ],
  "all of env": [
    () => Deno.env.toObject(),
    /may not read the environment; start it with --allow-env$/,
  ],
  net: [
    () => Deno.listen({ port: 8000 }),
    /may not use the network at 0\.0\.0\.0:8000; start it with --allow-net=0\.0\.0\.0:8000$/,
  ],
  fetch: [
    () => fetch("https://a.example/x"),
    /may not use the network at a\.example:443; start it with --allow-net=a\.example:443$/,
  ],
  sys: [
    () => Deno.hostname(),
    /may not ask the system for hostname; start it with --allow-sys=hostname$/,
  ],
  ffi: [
    () => Deno.dlopen("libm.so.6", {}),
    /may not open the library libm\.so\.6; start it with --allow-ffi=libm\.so\.6$/,
  ],
  run: [
    () => new Deno.Command("ls").outputSync(),
    /may not start ls; start it with --allow-run=ls$/,
  ],
};

for (const [name, [act, wanted]] of Object.entries(needs)) {
  Deno.test({
    name: `a missing permission is said in words, with its flag: ${name}`,
    permissions: "none",
    async fn() {
      const error: unknown = await (async () => await act())().then(
        () => assert.fail("it was allowed"),
        (thrown) => thrown,
      );
      assert.ok(error instanceof Error);
      const ours = permissionError(
        "do it",
        new Error("outer", { cause: error }),
      );
      assert.ok(ours instanceof ConfigError);
      assert.match(ours.message, /^Cannot do it: this process may not /);
      assert.match(ours.message, wanted);
      assert.match(namingPermissions(`x: ${error.message}`), wanted);
    },
  });
}

Deno.test({
  name:
    "grantedOf lists what was granted, a kind as a whole where all of it was",
  permissions: { read: ["/tmp"], net: true, env: ["PATH"], sys: ["hostname"] },
  fn() {
    assert.deepEqual(
      grantedOf([
        "read:/tmp/x",
        "read:/etc",
        "write:/tmp/x",
        "net:a.example:443",
        "env:HOME",
        "env:PATH",
        "sys:hostname",
        "sys:osRelease",
        "ffi",
        "run:ls",
      ]),
      ["env:PATH", "net", "read:/tmp/x", "sys:hostname"],
    );
  },
});

Deno.test("errors about anything else are left alone", () => {
  assert.equal(missingPermission(new Error("Requires patience")), null);
  assert.equal(permissionError("do it", new Deno.errors.NotFound("no")), null);
  assert.equal(namingPermissions("as it is"), "as it is");
});
