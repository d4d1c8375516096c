/**
 * `denotune init --plugin NAME --kind KIND`: a plugin package to start from.
 * @module
 */
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  askedRegistry,
  bundleUrl,
  type CommandContext,
  ConfigError,
  harmless,
  type Kind,
  kindAt,
  KINDS,
  nearest,
  quoted,
} from "@denotune/denotune/core";
import { templates } from "./kinds/mod.ts";
import { packageFiles, type PackageName } from "./package_files.ts";

/** What was asked for. */
export interface PluginRequest {
  /** `my-masker`, or `@scope/my-masker`. */
  readonly plugin: string;
  readonly kind: string | undefined;
  /** The folder; default: the name. */
  readonly out: string | undefined;
}

/** Scope of a package until its author writes another. */
const SCOPE = "your-scope";

/** The longest name that moves no line break of the files. */
const LONGEST = 32;

/** Writes the package. Throws `ConfigError` for names that cannot be, and for folders that hold something. */
export async function writePlugin(
  { plugin, kind, out: folder }: PluginRequest,
  context: CommandContext,
): Promise<void> {
  const { out, invocation } = context;
  const called = nameOf(plugin, kindOf(kind));
  const template = templates[called.kind];
  await refuseTaken(called, context);
  const to = resolve(folder ?? called.name);
  const names = { ...called, checkout: checkoutFrom(to) };
  const shown = relative(Deno.cwd(), to) || ".";
  await refuseFull(to, shown);
  await Deno.mkdir(to, { recursive: true });
  for (
    const [file, text] of Object.entries(
      packageFiles(names, template),
    )
  ) {
    await Deno.writeTextFile(join(to, file), text);
    out.line(`Wrote ${join(shown, file)}`);
  }
  out.line();
  const enter = `cd ${quoted(shown)} && `;
  out.line(`Test it:   ${enter}deno test -A`);
  // a checkout maps what the package imports; for a fetched program Deno reads the deno.json of the working directory
  const isFetched = /\b(?:jsr|npm|https?):/.test(invocation);
  const use = isFetched
    ? `${enter}${invocation} train run.yaml`
    : `${invocation} train ${quoted(join(shown, "run.yaml"))}`;
  out.line(`Use it:    ${use}`);
}

/** Where the checkout that this module is part of is, from a package; null where denotune is a package itself. */
function checkoutFrom(folder: string): string | null {
  const root = new URL("../../../../", import.meta.url);
  if (root.protocol !== "file:" || bundleUrl() !== null) return null;
  const path = fileURLToPath(root);
  if (/[/\\]node_modules[/\\]/.test(path)) return null;
  return relative(folder, path).replaceAll("\\", "/") || ".";
}

/** The kind of that name. Throws `ConfigError` that names the nearest. */
function kindOf(written: string | undefined): Kind {
  const all = `one of ${KINDS.join(", ")}`;
  if (written === undefined) {
    throw new ConfigError(
      `--plugin writes a plugin, and needs to know of which kind: add --kind, ${all}`,
    );
  }
  const kind = KINDS.find((kind) => kind === written);
  if (kind !== undefined) return kind;
  const near = nearest(written, KINDS);
  throw new ConfigError(
    `There is no kind ${harmless(JSON.stringify(written))}${
      near === null ? "" : `; the nearest is ${near}`
    }. --kind is ${all}`,
  );
}

/** The names of a package. Throws `ConfigError` for what a part or a package cannot be called. */
function nameOf(
  written: string,
  kind: Kind,
): Omit<PackageName, "checkout"> {
  const found = /^(?:@([a-z0-9][a-z0-9-]*)\/)?([a-z][a-z0-9-]*)$/.exec(written);
  if (found === null || found[2].length > LONGEST || found[2].length < 2) {
    throw new ConfigError(
      `Cannot call a plugin ${
        harmless(JSON.stringify(written))
      }: a name has 2 to ${LONGEST} lower-case letters, digits and dashes, and begins with a letter; a scope may be in front (@me/my-${kind})`,
    );
  }
  const [, scope = SCOPE, name] = found;
  return { name, full: `@${scope}/${name}`, kind };
}

/** Throws `ConfigError` where another part or plugin has the name. */
async function refuseTaken(
  { name, kind }: Omit<PackageName, "checkout">,
  context: CommandContext,
): Promise<void> {
  const registry = await askedRegistry(context);
  const other = registry.find(kind, name);
  if (other !== undefined) {
    throw new ConfigError(
      `There is already a ${kind} ${name}, of the plugin ${
        harmless(other.plugin)
      }; choose another name`,
    );
  }
  if (registry.plugins().some(({ plugin }) => plugin.name === name)) {
    throw new ConfigError(
      `There is already a plugin ${name}; choose another name`,
    );
  }
}

/** Throws `ConfigError` where something is in the way of the folder. */
async function refuseFull(path: string, shown: string): Promise<void> {
  const kind = await kindAt(path);
  if (kind === null) return;
  if (kind !== "folder") {
    throw new ConfigError(
      `${shown} is already there, and is no folder; give another one with --out`,
    );
  }
  for await (const { name } of Deno.readDir(path)) {
    throw new ConfigError(
      `The folder ${shown} is not empty (it has ${
        harmless(name)
      }); give another one with --out`,
    );
  }
}
