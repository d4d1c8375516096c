/**
 * What the plugins of a run need of Deno: what they declare, where their code is loaded from, what says that they are
 * trusted, and the process that an isolated one runs in.
 * @module
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { isRemote } from "../config/parts/remote_plugin.ts";
import {
  configFolder,
  FOLDER_VARIABLES,
} from "../config/trust/config_folder.ts";
import {
  isTrustedByName,
  UNTRUSTED_VARIABLE,
} from "../config/trust/decide_trust.ts";
import { hashGraph } from "../config/trust/module_graph.ts";
import { rememberedPath } from "../config/trust/remembered.ts";
import {
  readTrustSettings,
  trustedListPath,
} from "../config/trust/trusted_list.ts";
import type { RegisteredPlugin, Registry } from "../contracts/registry.ts";
import { bundleUrl } from "../own_module.ts";
import { variables } from "../permissions.ts";
import { reads, writes } from "./path_needs.ts";

/** What the plugins of a registry need. */
export async function pluginNeeds(registry: Registry): Promise<string[]> {
  const needs: string[] = [];
  for (const one of registry.plugins()) {
    needs.push(...await codeNeeds(one), ...trustNeeds(one));
    // what an isolated plugin is granted is its own process's
    if (one.isolation === null) needs.push(...one.plugin.permissions ?? []);
    else needs.push(`run:${Deno.execPath()}`);
  }
  const own = new URL(bundleUrl() ?? import.meta.url);
  // a list of hosts stands for all: denotune's own is then one of them
  return own.protocol === "https:" &&
      needs.some((need) => need.startsWith("import:"))
    ? [...needs, `import:${own.host}`]
    : needs;
}

/** What remembering that plugins are trusted needs, which `train` does; nothing where there is nothing to remember. */
export function rememberingNeeds(registry: Registry): string[] {
  const isAny = registry.plugins().some(({ identity, isolation }) =>
    identity !== null && isolation === null
  );
  const folder = configFolder();
  return isAny && folder !== null
    ? [...writes(folder), ...folderVariables()]
    : [];
}

/** Modules may be beside the plugin, in other folders, and at addresses. */
async function codeNeeds(
  { url, identity }: RegisteredPlugin,
): Promise<string[]> {
  if (url === null) return [];
  const needs = isRemote(url)
    ? variables("NPM_CONFIG_REGISTRY", "JSR_URL")
    : url.startsWith("file:")
    ? reads(dirname(fileURLToPath(url)))
    : [];
  if (identity === null) return needs;
  for (const module of (await hashGraph(url)).modules) {
    const { protocol, host, pathname } = new URL(module);
    if (protocol === "https:") needs.push(`import:${host}`);
    // Deno may always read its own cache of packages
    if (protocol === "file:" && !/\/npm\//.test(pathname)) {
      needs.push(...reads(dirname(fileURLToPath(module))));
    }
  }
  return needs;
}

/** What has said that a plugin is trusted, or isolated because it is not. */
function trustNeeds({ trusted, isolation }: RegisteredPlugin): string[] {
  const folder = configFolder();
  if (trusted === null || folder === null) return [];
  if (isolation !== null) {
    const { untrusted } = readTrustSettings(folder);
    return [
      ...variables(UNTRUSTED_VARIABLE),
      ...untrusted === null
        ? []
        : [...reads(trustedListPath(folder)), ...folderVariables()],
    ];
  }
  return isTrustedByName(trusted) ? [] : [
    ...reads(trustedListPath(folder), rememberedPath(folder)),
    ...folderVariables(),
  ];
}

/** The variables that say where the config folder is. */
function folderVariables(): string[] {
  return variables(...FOLDER_VARIABLES).slice(0, 1);
}
