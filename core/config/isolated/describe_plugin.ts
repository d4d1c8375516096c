/**
 * Runs in a process without permissions: prints what a plugin says of itself.
 * @module
 */
import { messageOf } from "../../contracts/errors.ts";
import type { AnyPart } from "../../contracts/plugin.ts";
import { Registry } from "../../contracts/registry.ts";
import { optionsJsonSchema } from "../schema/options_schema.ts";
import type { PluginManifest } from "./manifest.ts";

// kept before the plugin is loaded, which may exchange them
const { stringify } = JSON;
const write = Deno.stdout.writeSync.bind(Deno.stdout);
const encoder = new TextEncoder();
const exit = Deno.exit;

/** Prints the manifest of a module's default export, or what keeps it from being a plugin, behind `mark`; ends. */
export function serve(plugin: unknown, module: string, mark: string): void {
  let said: PluginManifest | { readonly fault: string };
  try {
    said = manifestOf(plugin, module);
  } catch (error) {
    said = { fault: messageOf(error) };
  }
  const bytes = encoder.encode(`\n${mark}${stringify(said)}\n`);
  for (let at = 0; at < bytes.length;) at += write(bytes.subarray(at));
  exit(0); // whatever the plugin has begun
}

/** What a plugin says of itself. Throws `PluginError` where it is none. */
export function manifestOf(plugin: unknown, module: string): PluginManifest {
  const registry = new Registry();
  registry.add(plugin, module);
  const [{ plugin: own }] = registry.plugins();
  return {
    name: own.name,
    api: own.api,
    version: own.version ?? null,
    permissions: [...own.permissions ?? []],
    parts: own.parts.map((part: AnyPart) => ({
      kind: part.kind,
      name: part.name,
      description: part.description,
      optionsSchema: optionsJsonSchema({ part, plugin: own.name, module }),
    })),
  };
}
