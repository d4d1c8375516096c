/**
 * `deno task house`: the rooms of the project and who imports whom, as text. With paths of files as arguments:
 * where these are tested.
 * @module
 */
import { importsOf, isOurs, SOURCES } from "./imports.ts";
import { FLOORS } from "./layers.ts";
import { testsOf } from "./tests_of.ts";

if (Deno.args.length > 0) {
  const found = await testsOf();
  for (const file of Deno.args) {
    console.log(`${file}\n  ${(found.get(file) ?? ["no test"]).join("\n  ")}`);
  }
} else {
  await drawHouse();
}

async function drawHouse(): Promise<void> {
  const edges = (await importsOf(SOURCES)).filter(isOurs);
  const rooms = new Map<string, Set<string>>();
  const arrows = new Map<string, Map<string, number>>();
  for (const { from, to } of edges) {
    for (const file of [from, to]) {
      const room = roomOf(file);
      rooms.set(room, (rooms.get(room) ?? new Set()).add(file));
    }
    const [a, b] = [roomOf(from), roomOf(to)];
    if (a === b) continue;
    const out = arrows.get(a) ?? new Map<string, number>();
    arrows.set(a, out.set(b, (out.get(b) ?? 0) + 1));
  }
  const order = [
    "mod.ts",
    ...SOURCES.filter((name) => name !== "core"),
    ...FLOORS.map(({ name }) => `core/${name}`).reverse(),
  ];
  const rank = (room: string) => {
    const at = order.findIndex((name) =>
      room === name || room.startsWith(`${name}/`)
    );
    return at < 0 ? order.length : at;
  };
  for (
    const [room, files] of [...rooms].sort(([a], [b]) =>
      rank(a) - rank(b) || a.localeCompare(b)
    )
  ) {
    const out = [...arrows.get(room) ?? []].sort(([a], [b]) =>
      rank(a) - rank(b)
    );
    console.log(
      `${room} (${files.size})${
        out.length === 0
          ? ""
          : ` -> ${out.map(([to, count]) => `${to} ${count}`).join(", ")}`
      }`,
    );
  }
}

/** `core/graph`, `plugins/maskers`, `backends/cpu`, `formats`; files of core that stand alone are its base. */
function roomOf(file: string): string {
  const floor = FLOORS.find(({ files }) => files.includes(file));
  if (floor !== undefined) return `core/${floor.name}`;
  const parts = file.split("/");
  return parts.length < 3
    ? parts[0] === "formats" ? "formats" : file
    : parts.slice(0, 2).join("/");
}
