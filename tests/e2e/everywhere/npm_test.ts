/**
 * denotune as a package of npm: as `deno pack` writes it, and as JSR hands its packages on to npm.
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { alpacaRows } from "../../core/cli/_run.ts";
import { projectFile } from "../_denotune.ts";
import { CERT } from "./_certificate.ts";
import { type NpmPackage, npmPackage, startHttps, startNpm } from "./_hosts.ts";
import type { Jsr } from "./_jsr.ts";
import { pluginFiles } from "./_plugins.ts";
import {
  jsrWithPlugin,
  LIBRARY_FILES,
  runFile,
  trains,
  VERSION,
} from "./_runs.ts";
import { ALL, stranger } from "./_stranger.ts";
import { readTar } from "./_tar.ts";

/** `deno pack` of a folder. */
async function pack(folder: string, name: string): Promise<NpmPackage> {
  using to = await stranger();
  const file = join(to.path, "package.tgz");
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["pack", "--allow-dirty", "--allow-slow-types", `--output=${file}`],
    cwd: folder,
    stdout: "null",
    stderr: "piped",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const tarball = Deno.readFileSync(file);
  const about: { dependencies: Record<string, string>; version: string } = JSON
    .parse(
      new TextDecoder().decode(readTar(tarball).get("package/package.json")),
    );
  const { version, dependencies } = about;
  return { name, version, dependencies, tarball };
}

/** The package that JSR offers to clients of npm: its own files under a name of JSR's. */
async function packOfJsr(jsr: Jsr): Promise<NpmPackage> {
  const name = "@jsr/denotune__denotune";
  using folder = await stranger();
  const decoder = new TextDecoder();
  folder.write(Object.fromEntries(
    [...jsr.files("@denotune/denotune", VERSION)].map(([path, bytes]) =>
      [path, decoder.decode(bytes)] as const
    ),
  ));
  const config = join(folder.path, "deno.json");
  const settings = JSON.parse(Deno.readTextFileSync(config));
  Deno.writeTextFileSync(config, JSON.stringify({ ...settings, name }));
  return await pack(folder.path, name);
}

for (
  const { title, made, written } of [
    {
      title: "as deno pack writes it",
      made: (_: Jsr) =>
        pack(dirname(projectFile("deno.json")), "@denotune/denotune"),
      written: `^${VERSION}`,
    },
    {
      title: "as JSR hands it on to npm",
      made: packOfJsr,
      written: `npm:@jsr/denotune__denotune@^${VERSION}`,
    },
  ]
) {
  Deno.test({
    name:
      `from node_modules, ${title}, denotune trains with plugins by path, npm:, jsr: and https:, and the library example passes`,
    ignore: !ALL,
    fn: async () => {
      const acme = npmPackage({
        name: "@acme/from-npm",
        version: "1.2.0",
        dependencies: { zod: "^4.6.7" },
        files: pluginFiles({ name: "from-npm", zod: "zod", core: null }),
      });
      const jsr = await jsrWithPlugin();
      const denotune = await made(jsr);
      const npm = startNpm([denotune, acme]);
      const core = "@denotune/denotune/core";
      const host = startHttps(
        pluginFiles({
          name: "from-https",
          zod: "npm:zod@^4.6.7",
          core: `npm:${denotune.name}@^${VERSION}/core`,
        }),
      );
      const env = { JSR_URL: jsr.url, DENO_CERT: "cert.pem" };
      using me = await stranger(env, [npm.url]);
      const local = pluginFiles({ name: "from-path", zod: "zod", core });
      const plugins = {
        "from-path": "./mine/index.js",
        "from-npm": "npm:@acme/from-npm@^1.2.0",
        "from-jsr": "jsr:@acme/from-jsr@^1.2.0",
        "from-https": `${host.url}index.js`,
      };
      me.write({
        ...LIBRARY_FILES,
        "package.json": JSON.stringify({
          type: "module",
          dependencies: {
            "@denotune/denotune": written,
            "@acme/from-npm": "^1.2.0",
            zod: "^4.6.7",
          },
        }),
        "../home/.npmrc": ["@denotune", "@jsr", "@acme"].map((scope) =>
          `${scope}:registry=${npm.url}\n`
        ).join(""),
        "mine/index.js": local["index.js"],
        "mine/lib/weigh.js": local["lib/weigh.js"],
        "cert.pem": CERT,
        "rows.jsonl": alpacaRows(60),
        "run.yaml": runFile(plugins),
      });
      const install = await me.deno("install");
      assert.equal(install.code, 0, install.err);
      const at = "node_modules/@denotune/denotune/mod.js";
      await trains(me, at);
      const library = await me.deno("run", "-A", "main.ts");
      assert.equal(library.code, 0, library.out + library.err);
      assert.match(library.out, /^Epoch 3, average loss \d[^]*^Generated: /m);
    },
  });
}
