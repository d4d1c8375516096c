import assert from "node:assert/strict";
import {
  isKnown,
  readRemembered,
  remember,
  type Remembered,
  rememberedPath,
} from "../../../../core/config/trust/remembered.ts";
import { isWithin } from "../../../../core/config/trust/own_folder.ts";
import { readTrustedList } from "../../../../core/config/trust/trusted_list.ts";
import { testFolder } from "../_parts.ts";

function decision(plugin: string, digit = "a"): Remembered {
  return {
    plugin,
    version: null,
    hash: `sha256-${digit.repeat(64)}`,
    since: "2026-11-22T00:00:00.000Z",
  };
}

Deno.test("decisions are read back in their order, from a folder that is made for them", () => {
  using folder = testFolder({});
  const config = `${folder.path}/new/denotune`;
  assert.deepEqual(readRemembered(config), []);
  const made = [decision("npm:a"), decision("npm:a", "b"), decision("/p.ts")];
  for (const one of made) assert.equal(remember(one, config), null);
  assert.deepEqual(readRemembered(config), made);
  assert.ok(isKnown("npm:a", config) && !isKnown("npm:b", config));
});

Deno.test("a line that was cut short or changed is no decision, and spoils no other", () => {
  using folder = testFolder({
    "trusted_plugins.jsonl": [
      JSON.stringify(decision("npm:a")),
      "not JSON",
      "null",
      `{"plugin": "npm:b", "hash": "sha256-0", "since": "x"}`,
      `{"plugin": 3}`,
      `{"plugin": "npm:c", "ha`,
    ].join("\n"),
  });
  assert.deepEqual(readRemembered(folder.path), [decision("npm:a")]);
  assert.equal(remember(decision("npm:d"), folder.path), null);
  assert.deepEqual(readRemembered(folder.path), [
    decision("npm:a"),
    decision("npm:d"),
  ]);
});

Deno.test("processes that decide at once lose none of each other's decisions", async () => {
  using folder = testFolder({});
  const url = new URL(
    "../../../../core/config/trust/remembered.ts",
    import.meta.url,
  );
  const code = `import { remember } from ${JSON.stringify(url.href)};
for (let i = 0; i < 100; i++) {
  remember({ plugin: Deno.args[0] + i, version: null, hash: "sha256-" + "c".repeat(64), since: "now" }, ${
    JSON.stringify(folder.path)
  });
}`;
  Deno.writeTextFileSync(`${folder.path}/decide.ts`, code);
  const all = await Promise.all(
    ["npm:a", "npm:b", "npm:c"].map((name) =>
      new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", `${folder.path}/decide.ts`, name],
      }).output()
    ),
  );
  assert.ok(all.every(({ success }) => success));
  const found = readRemembered(folder.path).map(({ plugin }) => plugin);
  assert.equal(new Set(found).size, 300);
});

Deno.test(
  "without the permission to read or write the folder nothing is known, and nobody is prompted",
  {
    permissions: { read: false, write: false },
  },
  () => {
    assert.deepEqual(readRemembered("/config"), []);
    assert.match(
      remember(decision("npm:a"), "/config") ?? "",
      /^this process may not read \/config \(add --allow-read=\/config\)$/,
    );
    assert.deepEqual(readTrustedList("/config"), []);
    assert.ok(isWithin("/run/lib/p.ts", "/run"));
    assert.ok(!isWithin("/out/p.ts", "/run"));
  },
);

Deno.test("a folder that cannot be written says why", () => {
  assert.match(
    remember(decision("npm:a"), "/dev/null/denotune") ?? "",
    /Not a directory/,
  );
  assert.match(remember(decision("npm:a"), null) ?? "", /XDG_CONFIG_HOME/);
  using folder = testFolder({ "trusted_plugins.jsonl/x": "" });
  assert.match(remember(decision("npm:a"), folder.path) ?? "", /directory/);
  assert.deepEqual(readRemembered(folder.path), []);
  assert.equal(
    rememberedPath("/c"),
    "/c/trusted_plugins.jsonl",
  );
});
