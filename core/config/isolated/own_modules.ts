/**
 * Which files an isolated plugin is made of. Imports need no permission to read: `import secret from
 * "/home/me/keys.json" with { type: "json" }` would give a file's content to who may read nothing. So the modules of
 * an isolated plugin are looked at before it is loaded: its own folder, its package's manifest, packages, and
 * denotune itself.
 * @module
 */
import { dirname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { z } from "zod";
import { PluginError } from "../../contracts/errors.ts";
import { configArgs } from "./deno_child.ts";

const GRAPH = z.object({
  modules: z.array(z.object({
    specifier: z.string(),
    error: z.string().optional(),
  })),
});
const MANIFEST = /\/(deno\.jsonc?|jsr\.json|package\.json)$/;
const OWN_ROOT = new URL("../../../", import.meta.url).href;

/** Throws `PluginError` where a plugin of a file imports files from elsewhere; `granted` may name folders to read. */
export async function checkModules(
  url: string,
  { module, granted }: {
    readonly module: string;
    readonly granted: readonly string[];
  },
): Promise<void> {
  if (!url.startsWith("file:")) return; // a package cannot import files of this computer
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", ...configArgs(), fileURLToPath(url)],
    stdin: "null",
  }).output();
  const found = success
    ? GRAPH.safeParse(JSON.parse(new TextDecoder().decode(stdout)))
    : null;
  if (found?.success !== true) {
    throw new PluginError(
      `The modules of the isolated plugin ${module} cannot be listed: ${
        new TextDecoder().decode(stderr).trim().split("\n")[0]
      }`,
    );
  }
  const folders = [
    dirname(fileURLToPath(url)),
    ...granted.filter((one) => one.startsWith("read:")).map((one) =>
      one.slice("read:".length)
    ),
  ].map((folder) => `${pathToFileURL(folder).href.replace(/\/$/, "")}/`);
  const isNear = (file: string) =>
    folders.some((folder) =>
      file.startsWith(folder) ||
      MANIFEST.test(file) && folder.startsWith(file.replace(MANIFEST, "/"))
    );
  const isDenotune = (file: string) =>
    file.startsWith(OWN_ROOT) && /\.[jt]s$/.test(file);
  const stranger = found.data.modules.find(({ specifier }) =>
    specifier.startsWith("file:") && !isNear(specifier) &&
    !isDenotune(specifier) && !specifier.includes("/node_modules/")
  );
  if (stranger === undefined) return;
  throw new PluginError(
    `the isolated plugin ${module} imports ${
      fileURLToPath(stranger.specifier)
    }, which is not in its folder; move it there, or grant its folder under \`permissions\` where the plugin asks for it`,
  );
}
