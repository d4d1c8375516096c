import assert from "node:assert/strict";
import {
  entryFor,
  readTrustedList,
  readTrustSettings,
} from "../../../../core/config/trust/trusted_list.ts";
import { testFolder } from "../_parts.ts";

const HASH = `sha256-${"a".repeat(64)}`;

Deno.test("an entry names a plugin up to where a name or a version ends", () => {
  const named: [string, string, string | null][] = [
    ["npm:@acme/", "npm:@acme/masks@^1", "1.2.3"],
    ["npm:@acme", "npm:@acme/masks", "1.2.3"],
    ["npm:@acme/masks", "npm:/@acme/masks@^1/sub", "1.2.3"],
    ["npm:masks", "npm:masks@2", "2.0.0"],
    ["npm:masks@1", "npm:masks@^1", "1.9.0"],
    ["NPM:masks@1.9", "npm:masks", "1.9.0"],
    ["jsr:@acme/masks@1.9.0", "jsr:@acme/masks@1", "1.9.0"],
    ["https://acme.dev/", "https://ACME.dev/p.ts", null],
    ["https://acme.dev/plugins", "https://acme.dev/plugins/x/p.ts", null],
    ["https://acme.dev/p.ts", "https://acme.dev/p.ts?v=1", null],
    [HASH, "npm:anything", "1.0.0"],
  ];
  for (const [entry, specifier, version] of named) {
    const plugin = { specifier, version, hash: HASH };
    assert.equal(entryFor(plugin, ["npm:other", entry]), entry, specifier);
  }
  const others: [string, string, string | null][] = [
    ["npm:masks", "npm:masks-evil", "1.0.0"],
    ["npm:masks", "npm:masks.evil", "1.0.0"],
    ["npm:masks", "jsr:masks", null],
    ["npm:masks@1", "npm:masks@10", "10.0.0"],
    ["npm:masks@1", "npm:masks@1.0.0 || 2", "2.0.0"],
    ["npm:masks@1.2", "npm:masks@1", "1.20.0"],
    ["npm:@acme", "npm:@acme-evil/masks", "1.0.0"],
    ["npm:@acme/", "npm:@acme-evil/masks", "1.0.0"],
    ["https://acme.dev", "https://acme.dev.example.org/p.ts", null],
    ["https://acme.dev/plugins", "https://acme.dev/plugins-evil/p.ts", null],
    ["https://acme.dev/good/", "https://acme.dev/good/%2e%2e/evil.ts", null],
    ["https://acme.dev/good/", "https://acme.dev/good/../evil.ts", null],
    [`sha256-${"b".repeat(64)}`, "npm:masks", "1.0.0"],
  ];
  for (const [entry, specifier, version] of others) {
    const plugin = { specifier, version, hash: HASH };
    assert.equal(entryFor(plugin, [entry]), null, `${entry} ${specifier}`);
  }
});

Deno.test("a folder of the list names the files that are really in it", () => {
  using folder = testFolder({
    "good/p.ts": "",
    "good-evil/p.ts": "",
    "x.ts": "",
  });
  const at = (path: string) => `${folder.path}/${path}`;
  Deno.symlinkSync(at("x.ts"), at("good/link.ts"));
  const isNamed = (path: string, entry = at("good")) =>
    entryFor({ specifier: at(path), version: null, hash: null }, [entry]) !==
      null;
  assert.ok(isNamed("good/p.ts"));
  assert.ok(isNamed("good/p.ts", at("good/")));
  assert.ok(isNamed("good/p.ts", at("good/p.ts")));
  assert.ok(isNamed("good/p.ts", `file://${at("good")}`));
  assert.ok(!isNamed("good-evil/p.ts"));
  assert.ok(!isNamed("good/link.ts"));
});

Deno.test("a list is read from YAML; one that is not there is empty", () => {
  using folder = testFolder({
    "trust.yaml": `# mine\n- npm:@acme/ # a scope\n- ${HASH}\n- /home/me\n`,
    "empty/trust.yaml": "# nothing yet\n",
  });
  assert.deepEqual(readTrustedList(folder.path), [
    "npm:@acme/",
    HASH,
    "/home/me",
  ]);
  for (const none of [`${folder.path}/empty`, `${folder.path}/gone`, null]) {
    assert.deepEqual(readTrustedList(none), []);
  }
});

Deno.test("the file may be keys: the list, and what becomes of other plugins", () => {
  const files: [string, ReturnType<typeof readTrustSettings>][] = [
    ["- npm:x\n", { trusted: ["npm:x"], untrusted: null }],
    ["untrusted_plugins: isolate\n", { trusted: [], untrusted: "isolate" }],
    ["trusted:\nuntrusted_plugins: ask\n", { trusted: [], untrusted: "ask" }],
    [
      "trusted: [npm:x]\nuntrusted_plugins: isolate\n",
      { trusted: ["npm:x"], untrusted: "isolate" },
    ],
  ];
  for (const [text, settings] of files) {
    using folder = testFolder({ "trust.yaml": text });
    assert.deepEqual(readTrustSettings(folder.path), settings);
  }
});

Deno.test("a list that is broken trusts nothing and says where", () => {
  const broken: [string, RegExp][] = [
    ["- [", /trust\.yaml/],
    ["npm:@acme/", /trust\.yaml: expected a list/],
    ["plugins: [npm:x]", /trust\.yaml: expected a list/],
    ["- npm:x\n- 3", /trust\.yaml:2:3: expected npm:, jsr: or https:/],
    ["- acme", /trust\.yaml:1:3: .*found acme/],
    ["- sha256-abc", /trust\.yaml:1:3: .*found sha256-abc/],
    ['- "npm:"', /trust\.yaml:1:3: /],
    ["trusted: npm:x", /trust\.yaml: expected a list/],
    ["trusted: [acme]", /trust\.yaml:1:11: .*found acme/],
    [
      "untrusted_plugins: isolated",
      /trust\.yaml:1:20: untrusted_plugins is ask or isolate; found "isolated"/,
    ],
    [
      "untrusted: isolate",
      /trust\.yaml: expected a list .*, or the keys trusted/,
    ],
    ["- http://acme.dev", /trust\.yaml:1:3: /],
  ];
  for (const [text, message] of broken) {
    using folder = testFolder({ "trust.yaml": text });
    assert.throws(() => readTrustedList(folder.path), (error: Error) => {
      assert.match(error.message, message, text);
      return error.name === "ConfigError";
    });
  }
  using folder = testFolder({ "trust.yaml/a": "" });
  assert.throws(() => readTrustedList(folder.path), /Cannot read the list/);
});
