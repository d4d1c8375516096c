/**
 * transformers.js for tests, in a folder of its own: half a gigabyte with its native runtimes, so it is no import of
 * the project.
 * @module
 */
import { dirname, join } from "node:path";

const VERSION = "4.3.1";

/** The folder in which programs can import it, installed once for all runs; null: it could not be. */
export async function transformersFolder(): Promise<string | null> {
  const parent = dirname(await Deno.makeTempDir());
  const folder = join(parent, `denotune_transformers_js_${VERSION}`);
  const installed = join(folder, "node_modules/@huggingface/transformers/dist");
  if (exists(installed)) return folder;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(
    join(folder, "deno.json"),
    JSON.stringify({
      nodeModulesDir: "auto",
      imports: {
        "@huggingface/transformers": `npm:@huggingface/transformers@${VERSION}`,
      },
    }),
  );
  await new Deno.Command(Deno.execPath(), {
    args: ["install"],
    cwd: folder,
    stdout: "null",
    stderr: "null",
  }).output();
  return exists(installed) ? folder : null;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
