import assert from "node:assert/strict";
import { loadRun } from "../../../../core/config/load.ts";
import {
  decideTrust,
  rememberCode,
} from "../../../../core/config/trust/decide_trust.ts";
import { cliTrust } from "../../../../core/cli/cli_trust.ts";
import { loadWithoutRunning } from "../../../../core/config/trust/load_without_running.ts";
import { readRemembered } from "../../../../core/config/trust/remembered.ts";
import {
  type TrustOption,
  trustPolicy,
} from "../../../../core/config/trust/trust_option.ts";
import { Registry } from "../../../../core/contracts/registry.ts";
import type {
  TrustPolicy,
  UntrustedPlugin,
} from "../../../../core/contracts/trust.ts";
import { messageOf, stubRegistry, testFolder } from "../_parts.ts";

const RAN = "__denotune_untrusted_ran";
const PLUGIN = `globalThis.${RAN} = (globalThis.${RAN} ?? 0) + 1;
export default { name: "mine", api: 1, version: "3.1.0", permissions: ["net"], parts: [{
  kind: "masker", name: "m", description: "x", jsonSchema: { type: "object" },
  options: { "~standard": { version: 1, vendor: "x", validate: (value) => ({ value }) } },
  create: () => ({}),
}] };`;
const RUN =
  "model: {path: model}\ndata: {train: [{path: rows.jsonl, format: alpaca}]}\n";
const MODEL = { "model/config.json": "{}", "rows.jsonl": "{}" };

function ran(): number {
  const count: unknown = Reflect.get(globalThis, RAN);
  return typeof count === "number" ? count : 0;
}

function registry(trust?: TrustOption | TrustPolicy): Registry {
  const policy = typeof trust === "object" && "refusal" in trust
    ? trust
    : trustPolicy(trust);
  const known = new Registry(policy);
  for (const { plugin, module } of stubRegistry().plugins()) {
    known.add(plugin, module);
  }
  return known;
}

/** A project in a folder, and what is beside it. */
function project(named: string, files: Record<string, string> = {}) {
  const folder = testFolder({
    ...Object.fromEntries(
      Object.entries(MODEL).map(([name, text]) => [`run/${name}`, text]),
    ),
    "run/run.yaml": `plugins: ["${named}"]\n${RUN}`,
    ...files,
  });
  const load = (trust?: TrustOption | TrustPolicy, file = "run/run.yaml") =>
    loadRun({ file, cwd: folder.path, registry: registry(trust) });
  return {
    folder,
    load,
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

Deno.test("a plugin in the folder of the run file runs; one outside is named with what it brings, and does not", async () => {
  using inside = project("./lib/p.ts", { "run/lib/p.ts": PLUGIN });
  const { registry: loaded } = await inside.load();
  assert.equal(ran(), 1);
  assert.equal(
    loaded.plugins().at(-1)?.trusted,
    "it is in the folder of the run file",
  );
  for (const named of ["../p.ts", "./../run/../p.ts", "./link.ts"]) {
    using outside = project(named, { "p.ts": PLUGIN });
    Deno.symlinkSync("../p.ts", `${outside.folder.path}/run/link.ts`);
    const message = await messageOf(() => outside.load(), outside.folder);
    assert.match(
      message,
      /^run\/run\.yaml:1:11: the plugin DIR\/.*\.ts is not trusted yet\n {2}code {6}sha256-[0-9a-f]{64}\n {2}brings {4}masker m\n {2}asks for {2}net\nTo run its code, pass the option `trust`, or add this line to .*trust\.yaml:\n- sha256-[0-9a-f]{64}\nTo run it without trust, in a process without permissions, name it as \{use: "DIR\/.*\.ts", isolated: true\}$/,
    );
  }
  assert.equal(ran(), 1, "none of them ran");
});

Deno.test("the option `trust` accepts all, what it lists, or what a function accepts", async () => {
  const before = ran();
  using outside = project("../p.ts", { "p.ts": PLUGIN });
  const seen: UntrustedPlugin[] = [];
  const refuse = (plugin: UntrustedPlugin) => {
    seen.push(plugin);
    return Promise.resolve(false);
  };
  const no = /The option `trust` does not accept it/;
  await assert.rejects(outside.load(refuse), no);
  await assert.rejects(outside.load([]), no);
  await assert.rejects(outside.load(["npm:p", "/elsewhere"]), no);
  await assert.rejects(outside.load(["./p.ts"]), no);
  assert.equal(ran(), before);
  const [plugin] = seen;
  assert.equal(plugin.specifier, `${outside.folder.path}/p.ts`);
  assert.equal(plugin.changed, false);
  const [entry] = (await outside.load(true)).config.plugins;
  assert.equal(entry.hash, plugin.hash);
  assert.equal(ran(), before + 1);
  for (const trust of [[plugin.hash ?? ""], [outside.folder.path]]) {
    await outside.load(trust);
  }
  await outside.load(({ hash }) => hash === plugin.hash);
});

Deno.test("with `untrusted_plugins: isolate` an untrusted plugin runs isolated, nobody is asked and it is not trusted", async () => {
  const before = ran();
  using outside = project("../p.ts", {
    "p.ts": PLUGIN.replace('["net"]', "[]"),
  });
  const notices: string[] = [];
  const load = (trust?: TrustOption | TrustPolicy, overrides?: string[]) =>
    loadRun({
      file: "run/run.yaml",
      cwd: outside.folder.path,
      registry: registry(trust),
      overrides: overrides ?? ["untrusted_plugins=isolate"],
      notice: (what) => void notices.push(what),
    });
  const asking = cliTrust({
    all: false,
    silence: null,
    answer: () => Promise.reject(new Error("asked")),
    err: { line: () => {}, write: () => {}, style: (_, text) => text },
  });
  for (const trust of [undefined, asking]) {
    const { config, registry: loaded } = await load(trust);
    const plugin = loaded.plugins().at(-1);
    assert.equal(plugin?.trusted, "it runs in a process without permissions");
    assert.equal(plugin?.isolation?.timeMs, 10_000);
    const [entry] = config.plugins;
    assert.equal(entry.isolated, true, "the run's folder keeps it so");
    assert.equal(entry.time_limit, 10);
  }
  const said = notices.filter((what) => !what.startsWith("waiting"));
  assert.equal(said.length, 2);
  assert.match(
    said[0],
    /^The plugin .*p\.ts is not trusted: it runs isolated, in a process without permissions$/,
  );
  assert.equal(ran(), before, "nothing ran here");
  const ends = /is not trusted yet/;
  await assert.rejects(load([], []), ends, "without the setting");
  const accepted = await load([outside.folder.path]);
  assert.equal(accepted.registry.plugins().at(-1)?.isolation, null);
  assert.equal(ran(), before + 1, "what is trusted runs here");
});

Deno.test("`trust.yaml` and the environment isolate untrusted plugins too; a run file cannot ask for less", async () => {
  using outside = project("../p.ts", {
    "p.ts": PLUGIN.replace('["net"]', "[]"),
    "config/trust.yaml": "untrusted_plugins: isolate\n",
    "empty/trust.yaml": "trusted: []\n",
  });
  const { path } = outside.folder;
  const url = `file://${path}/p.ts`;
  await loadWithoutRunning(url);
  const decide = (folder: string, untrusted?: "ask" | "isolate") =>
    decideTrust(
      {
        type: "plugin",
        specifier: `${path}/p.ts`,
        url,
        place: "run.yaml:1:2",
        named: { by: "run file", folders: [`${path}/run`] },
        version: null,
        hash: null,
      },
      null,
      { folder: `${path}/${folder}`, untrusted },
    );
  assert.equal(await decide("config"), null);
  assert.equal(await decide("config", "ask"), null);
  assert.equal(await decide("empty", "isolate"), null);
  await assert.rejects(decide("empty"), /is not trusted yet/);
  const variable = "DENOTUNE_UNTRUSTED_PLUGINS";
  try {
    Deno.env.set(variable, "isolate");
    assert.equal(await decide("empty"), null);
    Deno.env.set(variable, "ask");
    await assert.rejects(decide("config"), /is not trusted yet/);
    Deno.env.set(variable, "isolated");
    await assert.rejects(
      decide("empty"),
      /DENOTUNE_UNTRUSTED_PLUGINS is ask or isolate; found "isolated"/,
    );
  } finally {
    Deno.env.delete(variable);
  }
});

Deno.test("an untrusted plugin that cannot be isolated is refused with the parts or the permission that keep it from that", async () => {
  const before = ran();
  const refusals: [string, RegExp][] = [
    [
      PLUGIN.replace('"masker"', '"optimizer"'),
      /\nIt cannot be isolated instead: optimizer m runs in this process \(isolated are: source, format, template, masker, evaluator\)$/,
    ],
    [
      `if (true) throw new Error("not here"); ${PLUGIN}`,
      /\nIt cannot be isolated instead: cannot read the plugin .*p\.ts: Error: not here/,
    ],
    [
      PLUGIN.replace('["net"]', '["net:acme.dev"]'),
      /asks for the permission net:acme\.dev: add it to its `permissions` to grant it/,
    ],
  ];
  for (const [text, says] of refusals) {
    using outside = project("../p.ts", { "p.ts": text });
    await assert.rejects(
      loadRun({
        file: "run/run.yaml",
        cwd: outside.folder.path,
        registry: registry(),
        overrides: ["untrusted_plugins=isolate"],
      }),
      says,
    );
  }
  assert.equal(ran(), before);
});

Deno.test("a plugin that a program names needs no trust", async () => {
  using folder = testFolder({ ...MODEL, "elsewhere/p.ts": PLUGIN });
  const { registry: loaded } = await loadRun({
    object: {
      plugins: [`${folder.path}/elsewhere/p.ts`],
      model: { path: "model" },
      data: { train: [{ path: "rows.jsonl", format: "alpaca" }] },
    },
    cwd: folder.path,
    base: folder.path,
    registry: registry(),
  });
  assert.equal(loaded.plugins().at(-1)?.trusted, "the program names it");
});

Deno.test("what another run file names counts as named from the folder of the one that was asked for", async () => {
  const before = ran();
  using outside = project("./unused.ts", {
    "run/unused.ts": PLUGIN,
    "run/more.yaml": "extends: ../base/base.yaml\n",
    "base/base.yaml": `plugins: [./p.ts]\n${RUN}`,
    "base/p.ts": PLUGIN,
    "run/code.yaml": "extends: ../base/run.ts\n",
    "base/run.ts": `globalThis.${RAN} = 1000; export default {};`,
  });
  assert.match(
    await messageOf(
      () => outside.load(undefined, "run/more.yaml"),
      outside.folder,
    ),
    /^base\/base\.yaml:1:11: the plugin DIR\/base\/p\.ts is not trusted yet/,
  );
  assert.match(
    await messageOf(
      () => outside.load(undefined, "run/code.yaml"),
      outside.folder,
    ),
    /^run\/code\.yaml:1:10: the run file DIR\/base\/run\.ts is not trusted yet/,
  );
  assert.equal(ran(), before);
});

Deno.test("a plugin that is changed while the user is asked does not run", async () => {
  const before = ran();
  using outside = project("../p.ts", { "p.ts": PLUGIN });
  const path = `${outside.folder.path}/p.ts`;
  assert.match(
    await messageOf(() =>
      outside.load(() => {
        Deno.writeTextFileSync(path, `${PLUGIN}// other`);
        return true;
      })
    ),
    /was changed since it was loaded; start again/,
  );
  assert.equal(ran(), before);
});

Deno.test("what was accepted is remembered by its hash, and other code under the name is asked about again", async () => {
  using folder = testFolder({});
  const code = {
    type: "run file" as const,
    specifier: "/elsewhere/p.ts",
    url: "file:///elsewhere/p.ts",
    place: "run.yaml:1:2",
    named: { by: "run file" as const, folders: ["/run"] },
    version: null,
    hash: `sha256-${"a".repeat(64)}`,
  };
  const asked: boolean[] = [];
  const notices: string[] = [];
  const policy: TrustPolicy = {
    shows: false,
    remembers: true,
    notice: (what) => void notices.push(what),
    refusal: ({ changed }) => {
      asked.push(changed);
      return Promise.resolve(null);
    },
  };
  const decide = (hash: string | null, config = folder.path) =>
    decideTrust({ ...code, hash }, policy, { folder: config });
  assert.equal(
    await decide(code.hash),
    "it was accepted when it was first used",
  );
  assert.match(
    await decide(code.hash) ?? "",
    /^you trusted this code on \d{4}-/,
  );
  assert.deepEqual(asked, [false]);
  const other = `sha256-${"b".repeat(64)}`;
  await decide(other);
  await decide(other);
  assert.deepEqual(asked, [false, true]);
  assert.equal(readRemembered(folder.path).length, 2);
  assert.deepEqual(notices, []);
  await decide(`sha256-${"c".repeat(64)}`, "/dev/null/denotune");
  await decide(null);
  assert.match(
    notices[0],
    /^That \/elsewhere\/p\.ts is trusted is not remembered: .*Not a directory/,
  );
  assert.match(notices[1], /not remembered: .*no hash$/);
  rememberCode({ ...code, hash: other }, { policy, folder: null });
  assert.match(notices[2], /no config folder is known/);
});

Deno.test("the user's list vouches, and a broken list ends the run", async () => {
  using folder = testFolder({ "trust.yaml": "- npm:@acme/\n" });
  const code = {
    type: "plugin" as const,
    specifier: "npm:@acme/masks@^1",
    url: "npm:@acme/masks@^1",
    place: "run.yaml:1:2",
    named: { by: "command line" as const },
    version: "1.2.3",
    hash: null,
  };
  assert.equal(
    await decideTrust(code, null, { folder: folder.path }),
    `${folder.path}/trust.yaml lists npm:@acme/`,
  );
  Deno.writeTextFileSync(`${folder.path}/trust.yaml`, "- 3\n");
  await assert.rejects(
    decideTrust(code, null, { folder: folder.path }),
    /trust\.yaml:1:3/,
  );
  assert.equal(
    await decideTrust({ ...code, specifier: "/any/p.ts" }, null, {
      folder: folder.path,
    }),
    "the command line names it",
    "a file that somebody typed",
  );
});
