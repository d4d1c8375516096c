/**
 * What core's door shows to plugins: every name with a digest of its signature, comments and places left out.
 * `deno task surface` writes it to the file that a test compares with.
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { API_VERSION } from "../../core/contracts/api_changes.ts";

/** Where it is recorded: a line a name. */
export const RECORD: URL = new URL("./surface.txt", import.meta.url);

/** The names of core's door and their digests, sorted, after a line with the version of the plugin API. */
export async function coreSurface(): Promise<string> {
  const door = new URL("../../core/mod.ts", import.meta.url).href;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", door],
    env: { NO_COLOR: "1" }, // else the texts of types are in colours
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const doc: { nodes: Record<string, { symbols: Documented[] }> } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  const lines = doc.nodes[door].symbols.map(({ name, declarations }) => {
    const signature = JSON.stringify(declarations.map(normalised));
    const digest = createHash("sha256").update(signature).digest("hex");
    return `${name} ${digest.slice(0, 12)}`;
  });
  return [`plugin API ${API_VERSION}`, ...lines.sort(), ""].join("\n");
}

interface Documented {
  readonly name: string;
  readonly declarations: readonly unknown[];
}

/** What says where something is written, or what it is for: no part of a signature. */
const LEFT_OUT = new Set(["location", "jsDoc", "declarationKind"]);

function normalised(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalised);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !LEFT_OUT.has(key))
      .map(([key, inner]) => [key, normalised(inner)] as const)
      .sort(([a], [b]) => a < b ? -1 : 1),
  );
}

/** What differs between two surfaces, in words; empty where nothing does. */
export function surfaceChanges(recorded: string, found: string): string[] {
  const read = (text: string) =>
    new Map(
      text.trim().split("\n").map((line) => {
        const at = line.lastIndexOf(" ");
        return [line.slice(0, at), line.slice(at + 1)] as const;
      }),
    );
  const before = read(recorded);
  const now = read(found);
  return [
    ...[...before.keys()].filter((name) => !now.has(name))
      .map((name) => `${name} is gone`),
    ...[...now].filter(([name, digest]) =>
      before.has(name) && before.get(name) !== digest
    ).map(([name]) => `${name} changed`),
    ...[...now.keys()].filter((name) => !before.has(name))
      .map((name) => `${name} is new`),
  ];
}

/** What is to be done about a change. */
export const REMINDER = `What is new needs no more than \`deno task surface\`.
Where plugins must change: raise API_VERSION in core/contracts/api_changes.ts, write there what their authors do, then
\`deno task surface\`.`;

if (import.meta.main) {
  const found = await coreSurface();
  const changes = surfaceChanges(await Deno.readTextFile(RECORD), found);
  await Deno.writeTextFile(RECORD, found);
  for (const change of changes) console.log(change);
  console.log(changes.length === 0 ? "nothing changed" : REMINDER);
}
