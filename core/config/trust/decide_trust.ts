/**
 * Whether the code of a module may run in this process.
 *
 * | the module                                              | may run                             |
 * | ------------------------------------------------------- | ----------------------------------- |
 * | is named by the program, or is a file named by --plugin  | yes: who writes its name runs it    |
 * | is in the folder of the run file                        | yes: they come from one hand        |
 * | is in the checkout that denotune runs from              | yes: its code runs already          |
 * | is named by the user's own list                         | yes                                 |
 * | has a hash that was trusted before                      | yes                                 |
 * | is anything else                                        | as the policy of the registry says  |
 *
 * Until then it is loaded, and hashed, and none of it has run. What the policy refuses runs isolated where the user,
 * the environment or the run file says so (`untrusted_plugins: isolate`).
 * @module
 */
import { pathToFileURL } from "node:url";
import { ConfigError, messageOf, PluginError } from "../../contracts/errors.ts";
import type { Registry } from "../../contracts/registry.ts";
import type {
  PluginIdentity,
  TrustPolicy,
  UntrustedPlugin,
} from "../../contracts/trust.ts";
import { configFolder, FOLDER_VARIABLES } from "./config_folder.ts";
import {
  environmentVariable,
  isGranted,
  permissionError,
} from "../../permissions.ts";
import { readManifest } from "../isolated/manifest.ts";
import { isIsolable, ISOLABLE_KINDS } from "../isolated/part_members.ts";
import { hostOf, isRemote } from "../parts/remote_plugin.ts";
import { lowerFirst, show } from "../parse/problem.ts";
import type { UntrustedPlugins } from "../types.ts";
import { loadWithoutRunning } from "./load_without_running.ts";
import { hashGraph } from "./module_graph.ts";
import { isProjectFolder, isWithin, programFolder } from "./own_folder.ts";
import { readRemembered, remember, rememberedPath } from "./remembered.ts";
import {
  entryFor,
  isUntrustedPlugins,
  readTrustedList,
  readTrustSettings,
  trustedListPath,
  UNTRUSTED_PLUGINS,
} from "./trusted_list.ts";

/** Who wrote a module's name. */
export type NamedBy =
  /** The text of a program, which could import it as well. */
  | { readonly by: "code" }
  /** The command line. */
  | { readonly by: "command line" }
  /** A run file: the folders of the run files that were asked for, not of those that they extend. */
  | { readonly by: "run file"; readonly folders: readonly string[] };

/** A module that is loaded, and has not run. */
export interface LoadedCode extends PluginIdentity {
  /** The package or address, or the absolute path of the file. */
  readonly specifier: string;
  /** What is imported. */
  readonly url: string;
  /** Where it is named. */
  readonly place: string;
  readonly named: NamedBy;
  readonly type: UntrustedPlugin["type"];
}

/** Where the user's decisions are. */
export interface TrustPlaces {
  /** The user's config folder; by default that of the system. */
  readonly folder?: string | null;
  /** What the run says of plugins that are not trusted; by default `ask`. */
  readonly untrusted?: UntrustedPlugins;
}

/** Says for all commands of an environment what becomes of plugins that are not trusted, as `trust.yaml` does. */
export const UNTRUSTED_VARIABLE = "DENOTUNE_UNTRUSTED_PLUGINS";

/**
 * Why a module may run in this process, as the end of a sentence; null: it may not, and runs isolated. Throws
 * `PluginError` where it may do neither.
 */
export async function decideTrust(
  code: LoadedCode,
  policy: TrustPolicy | null,
  { folder = configFolder(), untrusted = "ask" }: TrustPlaces = {},
): Promise<string | null> {
  const vouched = vouchedFor(code, folder);
  if (vouched !== null) return vouched;
  const { specifier, version, hash, place } = code;
  const before = readRemembered(folder);
  const read = code.type === "plugin" ? await manifestOf(code) : null;
  const asked: UntrustedPlugin = {
    type: code.type,
    specifier,
    place,
    version,
    hash,
    host: isRemote(specifier) ? hostOf(specifier) : null,
    changed: before.some(({ plugin }) => plugin === specifier),
    manifest: read !== null && "parts" in read ? read : null,
  };
  const wanted = code.type === "plugin" && isolatesUntrusted(untrusted, folder);
  const obstacle = wanted ? isolationFault(read) : null;
  const isolates = wanted && obstacle === null;
  const refused = await (policy ?? NOBODY).refusal(asked, { isolates });
  if (refused !== null) {
    if (isolates) return null;
    const lines = describeUntrusted(asked).split("\n");
    const shown = policy?.shows === true ? lines.slice(0, 1) : lines;
    const unread = unreadDecisions(folder);
    throw new PluginError(
      [
        `${place}: ${shown.join("\n")}`,
        ...unread === null
          ? []
          : [`What you trusted before is not known. ${unread.message}`],
        `${refused}${
          obstacle === null
            ? isolatedToo(asked)
            : `\nIt cannot be isolated instead: ${obstacle}`
        }`,
      ].join("\n"),
      { cause: unread?.cause },
    );
  }
  if (policy?.remembers === true) rememberCode(code, { policy, folder });
  return "it was accepted when it was first used";
}

/** Throws `PluginError` where a run file in code may not run that another file extends. */
export async function admitRunFile(
  file: string,
  { place, named, policy }: {
    readonly place: string;
    readonly named: NamedBy;
    readonly policy: TrustPolicy | null;
  },
): Promise<void> {
  const url = pathToFileURL(file).href;
  const unhashed = { specifier: file, version: null, hash: null, named };
  if (vouchedFor(unhashed) !== null) return;
  try {
    await loadWithoutRunning(url);
  } catch (cause) {
    throw new ConfigError(
      `${place}: cannot load the run file ${file}: ${messageOf(cause)}`,
      { cause },
    );
  }
  const { hash } = await hashGraph(url);
  const code = { ...unhashed, hash, type: "run file" as const, url, place };
  await decideTrust(code, policy);
}

/** Why a module may run whose name is enough: nothing of the user's is read. */
const BY_NAME = {
  code: "the program names it",
  commandLine: "the command line names it",
  folder: "it is in the folder of the run file",
  program: "it is in denotune's own folder",
} as const;

/** Whether a reason of {@linkcode vouchedFor} needs no file of the user's config folder. */
export function isTrustedByName(reason: string): boolean {
  return Object.values<string>(BY_NAME).includes(reason);
}

/** Why a module may run without anybody being asked, as the end of a sentence; null: somebody is to be asked. */
export function vouchedFor(
  { specifier, version, hash, named }: Omit<
    LoadedCode,
    "type" | "url" | "place"
  >,
  folder: string | null = configFolder(),
): string | null {
  const isFile = !isRemote(specifier);
  if (named.by === "code") return BY_NAME.code;
  if (named.by === "command line" && isFile) return BY_NAME.commandLine;
  if (named.by === "run file" && isFile) {
    const own = named.folders.find((one) =>
      isProjectFolder(one) && isWithin(specifier, one)
    );
    if (own !== undefined) return BY_NAME.folder;
    const program = programFolder();
    if (program !== null && isWithin(specifier, program)) {
      return BY_NAME.program;
    }
  }
  const entries = readTrustedList(folder);
  const entry = entryFor({ specifier, version, hash }, entries);
  if (entry !== null && folder !== null) {
    return `${trustedListPath(folder)} lists ${entry}`;
  }
  const found = hash === null
    ? undefined
    : readRemembered(folder).find((one) => one.hash === hash);
  return found === undefined
    ? null
    : `you trusted this code on ${found.since.slice(0, 10)}`;
}

/**
 * Remembers the plugins of a run that trains, where decisions are remembered: commands that read its folder later name
 * them by their hashes, from outside of the folder that vouched for them.
 */
export function rememberPlugins(registry: Registry): void {
  const policy = registry.trust;
  if (policy === null || !policy.remembers) return;
  const known = new Set(readRemembered(configFolder()).map(({ hash }) => hash));
  for (const { module, identity, isolation } of registry.plugins()) {
    if (identity === null || identity.hash === null) continue;
    if (isolation !== null) continue; // nobody has trusted it
    if (known.has(identity.hash)) continue;
    // nobody was asked, so nothing is said of a folder that cannot be written
    rememberCode({ specifier: module, ...identity }, {
      policy: { ...policy, notice: () => {} },
    });
  }
}

/** Remembers code that may run; where nothing can be written, says so in one line. */
export function rememberCode(
  { specifier, version, hash }: PluginIdentity & { readonly specifier: string },
  { policy, folder = configFolder() }: TrustPlaces & {
    readonly policy: TrustPolicy;
  },
): void {
  const why = hash === null
    ? "not all of its modules could be read, so it has no hash"
    : remember({
      plugin: specifier,
      version,
      hash,
      since: new Date().toISOString(),
    }, folder);
  if (why === null) return;
  policy.notice?.(
    `That ${specifier} is trusted is not remembered: ${why}`,
  );
}

/** What is known of a plugin that is not trusted, in lines. */
export function describeUntrusted(plugin: UntrustedPlugin): string {
  const { type, specifier, version, hash, host, changed, manifest } = plugin;
  const code = [
    ...(version === null ? [] : [`version ${version}`]),
    ...(host === null ? [] : [`from ${host}`]),
  ].join(" ");
  return [
    `the ${type} ${specifier} ${
      changed
        ? "is not the code that you trusted: it has changed"
        : "is not trusted yet"
    }`,
    `  code      ${code === "" ? "" : `${code}, `}${hash ?? "no hash"}`,
    ...(manifest === null ? [] : [
      `  brings    ${
        manifest.parts.map(({ kind, name }) => `${kind} ${name}`).join(", ") ||
        "nothing"
      }`,
      `  asks for  ${manifest.permissions.join(", ") || "no permission"}`,
    ]),
  ].join("\n");
}

/** The error that keeps the user's files of trust from being read, for want of a permission; null: nothing does. */
function unreadDecisions(folder: string | null): Error | null {
  const missing = (name: string, thing: string) =>
    permissionError(
      "read what is trusted",
      new Deno.errors.NotCapable(
        `Requires ${name} access to "${thing}", run again with the --allow-${name} flag`,
      ),
    );
  if (folder !== null) {
    const path = [trustedListPath(folder), rememberedPath(folder)]
      .find((one) => !isGranted({ name: "read", path: one }));
    return path === undefined ? null : missing("read", path);
  }
  const variable = FOLDER_VARIABLES.find((one) =>
    !isGranted({ name: "env", variable: one })
  );
  return variable === undefined ? null : missing("env", variable);
}

/** Whether plugins that are not trusted run isolated: the run says so, else the environment, else the user's file. */
export function isolatesUntrusted(
  run: UntrustedPlugins,
  folder: string | null = configFolder(),
): boolean {
  const variable = environmentVariable(UNTRUSTED_VARIABLE) || null;
  if (variable !== null && !isUntrustedPlugins(variable)) {
    throw new ConfigError(
      `The environment variable ${UNTRUSTED_VARIABLE} is ${
        UNTRUSTED_PLUGINS.join(" or ")
      }; found ${show(variable)}`,
    );
  }
  return run === "isolate" ||
    (variable ?? readTrustSettings(folder).untrusted) === "isolate";
}

/** What keeps a plugin from being isolated, as a sentence without its end; null where nothing does. */
function isolationFault(manifest: ManifestOrFault): string | null {
  if (manifest === null || "fault" in manifest) {
    return manifest?.fault ?? "it is no plugin";
  }
  const { parts } = manifest;
  const inside = parts.filter(({ kind }) => !isIsolable(kind));
  if (parts.length === 0) return "it brings nothing";
  return inside.length === 0
    ? null
    : `${inside.map(({ kind, name }) => `${kind} ${name}`).join(", ")} ${
      inside.length === 1 ? "runs" : "run"
    } in this process (isolated are: ${ISOLABLE_KINDS.join(", ")})`;
}

/** The other way, for a plugin that works without permissions. */
function isolatedToo({ specifier, manifest }: UntrustedPlugin): string {
  return manifest !== null && isolationFault(manifest) === null
    ? `\nTo run it without trust, in a process without permissions, name it as {use: ${
      JSON.stringify(specifier)
    }, isolated: true}`
    : "";
}

/** Where nobody is asked and no option was given. */
const NOBODY: TrustPolicy = {
  shows: false,
  remembers: false,
  refusal: (plugin) =>
    Promise.resolve(
      `To run its code, pass the option \`trust\`, or ${toList(plugin)}`,
    ),
};

/** How a plugin is put on the user's list, as the end of a sentence. */
export function toList({ hash, specifier }: UntrustedPlugin): string {
  const folder = configFolder();
  const path = folder === null ? "trust.yaml" : trustedListPath(folder);
  return `add this line to ${path}:\n- ${hash ?? specifier}`;
}

/** What a plugin says of itself, or why that is not known. Null of what is no plugin. */
type ManifestOrFault =
  | NonNullable<UntrustedPlugin["manifest"]>
  | { readonly fault: string }
  | null;

/** What a plugin says of itself, in a process without permissions. Never throws: the question is asked without it. */
async function manifestOf(
  { url, specifier }: LoadedCode,
): Promise<ManifestOrFault> {
  const deno = Deno.execPath();
  if (!isGranted({ name: "run", command: deno })) {
    return {
      fault: `this process may not start Deno (add --allow-run=${deno})`,
    };
  }
  try {
    return await readManifest(url, specifier);
  } catch (error) {
    return { fault: lowerFirst(messageOf(error)) };
  }
}
