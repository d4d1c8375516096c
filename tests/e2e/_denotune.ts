/**
 * The command line as a process of its own, in a folder of its own.
 * @module
 */
import { fileURLToPath } from "node:url";

const root = new URL("../../", import.meta.url);

/** Path of a file of the project. */
export function projectFile(path: string): string {
  return fileURLToPath(new URL(path, root));
}

/** What a process did. */
export interface Done {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A process that runs. */
export interface Running {
  readonly process: Deno.ChildProcess;
  /** Waits until stdout or stderr holds a text. */
  until(text: string): Promise<void>;
  /** Waits for the end. */
  end(): Promise<Done>;
}

/** Starts `deno run -A` with these arguments in a folder. */
export function start(cwd: string, ...args: string[]): Running {
  return startWith(["-A"], cwd, ...args);
}

/** The same, with these permissions and no prompts. */
export function startWith(
  permissions: readonly string[],
  cwd: string,
  ...args: string[]
): Running {
  return startIn({ cwd, permissions }, ...args);
}

/** The same, with variables of the environment besides. */
export function startIn(
  { cwd, permissions, env = {} }: {
    readonly cwd: string;
    readonly permissions: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
  },
  ...args: string[]
): Running {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", ...permissions, "--no-prompt", "--no-check", ...args],
    cwd,
    env: {
      NO_COLOR: "1",
      DENOTUNE_CACHE: `${cwd}/cache`,
      DENOTUNE_CONFIG: `${cwd}/config`,
      ...env,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let out = "";
  let err = "";
  let wake = () => {};
  const read = async (
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    take: (text: string) => void,
  ): Promise<void> => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      take(text);
      wake();
    }
    wake();
  };
  const reading = Promise.all([
    read(process.stdout, (text) => out += text),
    read(process.stderr, (text) => err += text),
  ]);
  let ended = false;
  const status = process.status.then((s) => {
    ended = true;
    wake();
    return s;
  });
  return {
    process,
    async until(text) {
      while (!out.includes(text) && !err.includes(text)) {
        if (ended) {
          await reading;
          if (out.includes(text) || err.includes(text)) return;
          throw new Error(`It ended without "${text}":\n${out}\n${err}`);
        }
        await new Promise<void>((resolve) => wake = resolve);
      }
    },
    async end() {
      const { code } = await status;
      await reading;
      return { code, out, err };
    },
  };
}

/** Runs the command line in a folder. */
export function denotune(cwd: string, ...args: string[]): Promise<Done> {
  return start(cwd, projectFile("mod.ts"), ...args).end();
}

/** An empty folder, taken away at the end. */
export function emptyFolder(): Disposable & { readonly path: string } {
  const path = Deno.realPathSync(Deno.makeTempDirSync());
  return {
    path,
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}
