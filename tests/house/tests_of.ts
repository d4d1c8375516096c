/**
 * Where each file of the project is tested: by the test of the same path where there is one, else by the tests
 * that reach it through the fewest imports.
 * @module
 */
import { importsOf, isOurs, SOURCES } from "./imports.ts";

/** Tests that are named for a file. */
const MOST = 3;

/** The tests of every file of the project, by path from its root. */
export async function testsOf(): Promise<Map<string, string[]>> {
  const edges = (await importsOf([...SOURCES, "tests", "examples"])).filter(
    isOurs,
  );
  const importers = new Map<string, Set<string>>();
  for (const { from, to } of edges) {
    importers.set(to, (importers.get(to) ?? new Set()).add(from));
  }
  const all = new Set(edges.flatMap(({ from, to }) => [from, to]));
  const found = new Map<string, string[]>();
  for (const file of all) {
    if (!/^(core|formats|plugins|backends)\//.test(file)) continue;
    const mirror = `tests/${file.replace(/\/_?([^/]+)\.ts$/, "/$1_test.ts")}`;
    found.set(file, all.has(mirror) ? [mirror] : nearestTests(file, importers));
  }
  return found;
}

function nearestTests(
  file: string,
  importers: ReadonlyMap<string, ReadonlySet<string>>,
): string[] {
  const seen = new Set([file]);
  let wave = [file];
  while (wave.length > 0) {
    const next = wave.flatMap((at) => [...importers.get(at) ?? []])
      .filter((from) => !seen.has(from));
    for (const from of next) seen.add(from);
    const tests = [...new Set(next)].filter((from) =>
      from.endsWith("_test.ts")
    );
    if (tests.length > 0) return tests.sort().slice(0, MOST);
    wave = [...new Set(next)];
  }
  return [];
}
