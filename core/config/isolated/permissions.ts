/**
 * Permissions that an isolated plugin may be granted, as its author declares them and a run file lists them:
 * `read:/data`, `net:api.example.com:443`, `env:API_KEY`.
 * @module
 */
import { isAbsolute } from "node:path";

/** What keeps a permission from being granted, as the end of a sentence; null where nothing does. */
export function permissionFault(permission: string): string | null {
  const { name, value } = partsOf(permission);
  if (!["read", "net", "env"].includes(name)) {
    return `an isolated plugin may be granted \`read:PATH\`, \`net:HOST\` and \`env:NAME\`, nothing else`;
  }
  if (value === "") {
    return `name what it may ${
      name === "read" ? "read" : "use"
    }: \`${name}:...\``;
  }
  if (name === "read" && !isAbsolute(value)) {
    return "a path is written from the root, so that it means the same to everybody";
  }
  return null;
}

/** The flag of Deno that grants it. Commas part values there. */
export function flagOf(permission: string): string {
  const { name, value } = partsOf(permission);
  return `--allow-${name}=${value.replaceAll(",", ",,")}`;
}

function partsOf(permission: string): { name: string; value: string } {
  const at = permission.indexOf(":");
  return at < 0
    ? { name: permission, value: "" }
    : { name: permission.slice(0, at), value: permission.slice(at + 1) };
}
