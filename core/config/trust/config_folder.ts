/**
 * Where the user's own settings of denotune are kept.
 *
 * | system  | folder                                                      |
 * | ------- | ----------------------------------------------------------- |
 * | Linux   | `$XDG_CONFIG_HOME/denotune`, else `~/.config/denotune`      |
 * | macOS   | the same where it is set, else `~/Library/Application Support/denotune` |
 * | Windows | `%APPDATA%\denotune`                                        |
 * @module
 */
import { isAbsolute, join } from "node:path";
import { environmentVariable } from "../../permissions.ts";

/** The variables that may name it, the first of those that are set. */
export const FOLDER_VARIABLES: readonly string[] = [
  "DENOTUNE_CONFIG",
  "XDG_CONFIG_HOME",
  Deno.build.os === "windows" ? "APPDATA" : "HOME",
];

/** `DENOTUNE_CONFIG`, else the folder of the system; null where the environment names none, or may not be read. */
export function configFolder(
  env: (name: string) => string | undefined = environmentVariable,
  os: typeof Deno.build.os = Deno.build.os,
): string | null {
  const own = env("DENOTUNE_CONFIG");
  if (own) return own;
  const xdg = env("XDG_CONFIG_HOME");
  // a relative path is to be ignored, as the XDG specification says
  if (xdg && isAbsolute(xdg)) return join(xdg, "denotune");
  const roaming = env("APPDATA");
  if (os === "windows" && roaming) return join(roaming, "denotune");
  const home = env("HOME");
  if (!home) return null;
  return os === "darwin"
    ? join(home, "Library", "Application Support", "denotune")
    : join(home, ".config", "denotune");
}
