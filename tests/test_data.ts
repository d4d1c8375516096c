/**
 * Where the third-party test data lie: `DENOTUNE_TEST_DATA`, else `../shared/data` beside the project.
 * @module
 */

/** Path of a file of the test data, or null where the data are absent (the test then says so and is skipped). */
export function testData(relative: string): string | null {
  const root = Deno.env.get("DENOTUNE_TEST_DATA") ??
    new URL("../../shared/data", import.meta.url).pathname;
  const path = `${root}/${relative}`;
  try {
    Deno.statSync(path);
    return path;
  } catch {
    return null;
  }
}
