/**
 * denotune from a plain host, and in a bundle: neither a checkout nor a registry is at hand.
 */
import assert from "node:assert/strict";
import { alpacaRows } from "../../core/cli/_run.ts";
import { projectFile } from "../_denotune.ts";
import { CERT } from "./_certificate.ts";
import { npmPackage, startHttps, startNpm } from "./_hosts.ts";
import { pluginFiles } from "./_plugins.ts";
import {
  jsrWithPlugin,
  LIBRARY_FILES,
  runFile,
  trains,
  VERSION,
} from "./_runs.ts";
import { ALL, stranger } from "./_stranger.ts";

const zod = "npm:zod@^4.6.7";

Deno.test({
  name:
    "denotune from a plain https: address, bundled from JSR and in a checkout trains with plugins by path, npm:, jsr: and https:, and the library example passes",
  ignore: !ALL,
  fn: async () => {
    const jsr = await jsrWithPlugin();
    const acme = npmPackage({
      name: "@acme/from-npm",
      version: "1.2.0",
      dependencies: { zod: "^4.6.7" },
      files: pluginFiles({ name: "from-npm", zod: "zod", core: null }),
    });
    const npm = startNpm([acme]);
    // what is published names no module by a bare name: any host can serve it
    const decoder = new TextDecoder();
    const core = `jsr:@denotune/denotune@^${VERSION}/core`;
    const host = startHttps({
      ...Object.fromEntries(
        [...jsr.files("@denotune/denotune", VERSION)].map(([path, bytes]) =>
          [`denotune/${path}`, decoder.decode(bytes)] as const
        ),
      ),
      ...pluginFiles({ name: "from-https", zod, core }),
    });
    const local = pluginFiles({ name: "from-path", zod, core });
    const env = { JSR_URL: jsr.url, DENO_CERT: "cert.pem" };
    using me = await stranger(env, [npm.url]);
    me.write({
      ...LIBRARY_FILES,
      "deno.json": JSON.stringify({
        imports: { "@denotune/denotune": `${host.url}denotune/mod.ts` },
      }),
      "../home/.npmrc": `@acme:registry=${npm.url}\n`,
      "mine/index.js": local["index.js"],
      "mine/lib/weigh.js": local["lib/weigh.js"],
      "cert.pem": CERT,
      "rows.jsonl": alpacaRows(60),
      "run.yaml": runFile({
        "from-path": "./mine/index.js",
        "from-npm": "npm:@acme/from-npm@^1.2.0",
        "from-jsr": "jsr:@acme/from-jsr@^1.2.0",
        "from-https": `${host.url}index.js`,
      }),
    });
    const bundling = ["jsr:@denotune/denotune", "-o", "denotune.js"];
    const bundle = await me.deno("bundle", "-q", ...bundling);
    assert.equal(bundle.code, 0, bundle.err);
    // for a main module of another host, Deno looks for no deno.json here
    await trains(me, "--config=deno.json", `${host.url}denotune/mod.ts`);
    await trains(me, "denotune.js");
    await trains(me, "--no-lock", projectFile("mod.ts"));
    const allowed = ["-q", "--allow-import", "main.ts", "-o", "main.js"];
    const library = await me.deno("bundle", ...allowed);
    assert.equal(library.code, 0, library.err);
    for (const main of ["main.ts", "main.js"]) {
      const { code, out, err } = await me.deno("run", "-A", main);
      assert.equal(code, 0, `${main}\n${out}${err}`);
      assert.match(out, /^Epoch 3, average loss \d[^]*^Generated: /m);
    }
  },
});
