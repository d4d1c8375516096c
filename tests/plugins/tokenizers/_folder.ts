/**
 * Folders of test files.
 * @module
 */

/** Writes files into a new folder, runs `use` with its path, and removes it. */
export async function inFolder(
  files: Readonly<Record<string, string | Uint8Array>>,
  use: (path: string) => Promise<void>,
): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      if (typeof content === "string") {
        await Deno.writeTextFile(`${path}/${name}`, content);
      } else await Deno.writeFile(`${path}/${name}`, content);
    }
    await use(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}
