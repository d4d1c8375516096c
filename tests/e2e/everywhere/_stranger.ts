/**
 * Somebody with a folder, a cache of Deno's own and no checkout.
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../_denotune.ts";

/** The long ways too: everything is fetched anew, runs go to their end. */
export const ALL: boolean = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

/** How a command ended. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A folder to work in, with an empty cache. */
export interface Stranger extends Disposable {
  readonly path: string;
  /** Writes files. */
  write(files: Readonly<Record<string, string>>): void;
  /** Runs `deno ARGS` here. */
  deno(...args: readonly string[]): Promise<Ended>;
  /** The same in a folder of this one. */
  denoIn(folder: string, ...args: readonly string[]): Promise<Ended>;
  /** Empties the cache of Deno. */
  forget(): void;
}

/**
 * Sets a stranger up. `env`: what their processes have besides; `registries`: of npm, whose packages are forgotten in
 * the end.
 */
export async function stranger(
  env: Readonly<Record<string, string>> = {},
  registries: readonly string[] = [],
): Promise<Stranger> {
  const npm = ALL ? null : join(await cacheOf(), "npm");
  const folder = emptyFolder();
  const path = join(folder.path, "work");
  const cache = join(folder.path, "deno");
  const fill = () => {
    Deno.mkdirSync(cache, { recursive: true });
    // the packages of npm are not what a sample is about
    if (npm !== null) Deno.symlinkSync(npm, join(cache, "npm"));
  };
  Deno.mkdirSync(path);
  fill();
  const run = async (cwd: string, args: readonly string[]): Promise<Ended> => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd,
      env: {
        NO_COLOR: "1",
        HOME: join(folder.path, "home"), // .npmrc is looked for there
        DENO_DIR: cache,
        DENOTUNE_CACHE: join(folder.path, "cache"),
        DENOTUNE_CONFIG: join(folder.path, "config"),
        ...env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    const err = text(stderr).replace(/^Download .*\n/gm, "");
    return { code, out: text(stdout), err };
  };
  return {
    path,
    write(files) {
      for (const [name, text] of Object.entries(files)) {
        const file = join(path, name);
        Deno.mkdirSync(join(file, ".."), { recursive: true });
        Deno.writeTextFileSync(file, text);
      }
    },
    deno: (...args) => run(path, args),
    denoIn: (inner, ...args) => run(join(path, inner), args),
    forget() {
      Deno.removeSync(cache, { recursive: true });
      fill();
    },
    [Symbol.dispose]() {
      for (const url of registries) {
        const name = new URL(url).host.replace(":", "_");
        const packages = join(cache, "npm", name);
        if (existsSync(packages)) {
          Deno.removeSync(packages, { recursive: true });
        }
      }
      folder[Symbol.dispose]();
    },
  };
}

/** Deno's cache of this process. */
async function cacheOf(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json"],
    stderr: "null",
  }).output();
  const { denoDir }: { denoDir: string } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  return denoDir;
}
