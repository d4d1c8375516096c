/**
 * The floors of core, from the bottom to the top: a file imports from its own floor and from those below.
 * @module
 */

/** The folders of core in order; files that stand alone belong to the floor that lists them. */
export const FLOORS: readonly {
  readonly name: string;
  readonly files: readonly string[];
}[] = [
  {
    name: "base",
    files: [
      "core/call_queue.ts",
      "core/contracts/errors.ts",
      "core/contracts/json.ts",
      "core/contracts/options.ts",
      "core/contracts/built_in.ts",
      "core/fault_place.ts",
      "core/own_module.ts",
      "core/permission_words.ts",
      "core/permissions.ts",
      "core/random.ts",
      "core/regexp/",
      "core/show_numbers.ts",
      "core/version.ts",
    ],
  },
  ...[
    "graph",
    "contracts",
    "io",
    "config",
    "device",
    "data",
    "engine",
    "run",
    "library",
    "cli",
  ].map((name) => ({ name, files: [`core/${name}/`] })),
  { name: "door", files: ["core/mod.ts"] },
];

/** The floor of a file of core, counted from 0. Throws `RangeError` for a file on none. */
export function floorOf(file: string): number {
  const exact = FLOORS.findIndex(({ files }) => files.includes(file));
  if (exact >= 0) return exact;
  const found = FLOORS.findIndex(({ files }) =>
    files.some((folder) => folder.endsWith("/") && file.startsWith(folder))
  );
  if (found < 0) throw new RangeError(`${file} is on no floor of core`);
  return found;
}

/** Folders of more than 20 files, and why one room holds them. */
export const CROWDED: Readonly<Record<string, string>> = {
  "core/contracts":
    "a file for each kind of part, which a stranger looks for by name",
  "core/graph/kernels": "a file for each kernel's definition",
  "core/graph/ops": "a file for each op or family of ops",
};
