/**
 * Asks llama.cpp, where its `llama-server` is installed (on the PATH, or named by the environment variable
 * `LLAMA_SERVER`; an empty one: it is not asked) and this process may run it. It is never fetched.
 *
 * ```text
 * spawn on a free port ─► /health until it answers ─► /props ─► /completion for each prompt ─► stop, always
 * ```
 * @module
 */
import {
  type ClientAnswers,
  type ClientPrompt,
  DataError,
  environmentVariable,
  isGranted,
  isPlainObject,
} from "@denotune/denotune/core";
import { request } from "node:http";
import { delimiter, join } from "node:path";
import { stripVTControlCharacters } from "node:util";

const PROGRAM = "llama-server";
const VARIABLE = "LLAMA_SERVER";
const HOST = "127.0.0.1";

/** How llama.cpp is asked. */
export interface AskServerOptions {
  /** Path of the program, or its name on the PATH. Default: what `LLAMA_SERVER` says, else `llama-server`. */
  readonly program?: string;
  readonly prompts: readonly ClientPrompt[];
  /** Longest time to load the file, and to answer a prompt. Default: a minute, and longer for large files. */
  readonly limitMs?: number;
  readonly signal?: AbortSignal;
  /** Hears that an installed server may not be run. */
  readonly onNotice: (message: string) => void;
}

/** Greedy answers of the installed llama.cpp to prompts; null: none is installed, or this process may not run it. */
export async function askServer(
  file: string,
  options: AskServerOptions,
): Promise<ClientAnswers | null> {
  const { prompts, signal, onNotice } = options;
  const limitMs = options.limitMs ?? 60_000 + Deno.statSync(file).size / 5e4;
  const named = options.program ?? environmentVariable(VARIABLE);
  if (named === "") return null;
  const program = named ?? PROGRAM;
  if (!isGranted({ name: "run", command: program })) {
    if (named !== undefined || isOnPath()) {
      onNotice(
        `llama.cpp was not asked: this process may not run ${program}; add --allow-run=${program} to ask it`,
      );
    }
    return null;
  }
  if (!isGranted({ name: "net", host: HOST })) {
    onNotice(
      `llama.cpp was not asked: this process may not connect to ${HOST}; add --allow-net=${HOST} to ask it`,
    );
    return null;
  }
  signal?.throwIfAborted();
  const longest = Math.max(
    0,
    ...prompts.map((p) => p.ids.length + p.maxNewTokens),
  );
  const server = startServer(program, { file, context: longest + 8 });
  if (server === null) {
    if (named === undefined) return null;
    throw new DataError(
      `Cannot ask llama.cpp: there is no program ${named}; correct ${VARIABLE}, or set it to nothing`,
    );
  }
  try {
    const within = () => [AbortSignal.timeout(limitMs), signal];
    const client = await server.started(within());
    const answers: number[][] = [];
    for (const prompt of prompts) {
      answers.push(await server.complete(prompt, within()));
    }
    return { client, answers };
  } catch (error) {
    signal?.throwIfAborted();
    const seconds = Math.round(limitMs / 1000);
    throw new DataError(
      `${server.name} ${
        error instanceof DOMException && error.name === "TimeoutError"
          ? `did not answer within ${seconds} s`
          : `failed: ${error instanceof Error ? error.message : error}`
      }${server.lastWords()}; set ${VARIABLE} to another llama-server, or to nothing: then it is not asked`,
      { cause: error },
    );
  } finally {
    await server.stop();
  }
}

/** A running server. */
interface Server {
  /** Its name, with its version once it answered. */
  readonly name: string;
  /** Waits until the file is loaded; gives the name. */
  started(signals: Signals): Promise<string>;
  /** The ids of a greedy answer. */
  complete(prompt: ClientPrompt, signals: Signals): Promise<number[]>;
  /** The end of its log, for messages. */
  lastWords(): string;
  /** Ends it, and waits until it has ended. */
  stop(): Promise<void>;
}

type Signals = readonly (AbortSignal | undefined)[];

/** Starts the program; null: there is none. */
function startServer(
  program: string,
  { file, context }: { readonly file: string; readonly context: number },
): Server | null {
  const port = freePort();
  const key = crypto.randomUUID(); // nobody else on this machine may ask it
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      // deno-fmt-ignore
      args: [
        "--model", file, "--host", HOST, "--port", `${port}`, "--api-key", key,
        "--ctx-size", `${context}`, "--parallel", "1", "--no-warmup",
        // on a GPU, and with a cache in float16, its numbers are off by more than rounding
        "--device", "none", "--cache-type-k", "f32", "--cache-type-v", "f32",
      ],
      // on processors it rounds to float16; the option's spelling has changed, the variable's has not
      env: { LLAMA_ARG_FLASH_ATTN: "off" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new DataError(
      `Cannot run ${program}: ${
        error instanceof Error ? error.message : error
      }; set ${VARIABLE} to a llama-server, or to nothing: then it is not asked`,
      { cause: error },
    );
  }
  let log = "";
  const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  const drained = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      log = (log + value).slice(-2000);
    }
  })();
  const ended = new AbortController();
  const status = child.status.then(async ({ code, signal }) => {
    // its last words may still be in the pipe; a process that it left may hold the pipe open
    await Promise.race([
      drained,
      new Promise((resolve) => setTimeout(resolve, 200)),
    ]);
    ended.abort(
      new Error(`it ended with ${signal ?? `exit code ${code}`}`),
    );
  });
  const ask = (path: string, signals: Signals, body?: unknown) =>
    askJson({
      port,
      path,
      key,
      body,
      signal: AbortSignal.any(
        [...signals, ended.signal].filter((s) => s !== undefined),
      ),
    });
  let name = `llama.cpp (${program})`;
  return {
    get name() {
      return name;
    },
    async started(signals) {
      const stop = AbortSignal.any(
        [...signals, ended.signal].filter((s) => s !== undefined),
      );
      for (;;) {
        try {
          if ((await ask("/health", signals)).status === 200) break;
        } catch {
          // it does not listen yet
        }
        stop.throwIfAborted();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const { value } = await ask("/props", signals);
      const build = isPlainObject(value) ? value.build_info : undefined;
      if (typeof build === "string") name = `llama.cpp ${build}`;
      return name;
    },
    async complete({ ids, maxNewTokens }, signals) {
      const { status, value } = await ask("/completion", signals, {
        prompt: ids,
        n_predict: maxNewTokens,
        return_tokens: true,
        // greedy, whatever generation defaults the file has
        samplers: ["top_k"],
        top_k: 1,
        temperature: 0,
        cache_prompt: false,
      });
      const tokens = isPlainObject(value) ? value.tokens : undefined;
      if (
        status === 200 && Array.isArray(tokens) &&
        tokens.every((id) => Number.isInteger(id))
      ) return tokens;
      throw new Error(
        `it answered /completion with the status ${status} and ${
          JSON.stringify(value)?.slice(0, 200)
        }`,
      );
    },
    lastWords() {
      const lines = stripVTControlCharacters(log).trim().split("\n").map((l) =>
        l.trim()
      );
      const line = lines.find((l) => /\berror\b/i.test(l)) ?? lines.at(-1) ??
        "";
      return line === "" ? "" : ` (it says: ${line.slice(-300)})`;
    },
    async stop() {
      // it may wait for connections when it is asked to end
      let timer: ReturnType<typeof setTimeout> | undefined;
      try {
        child.kill("SIGTERM");
        timer = setTimeout(() => child.kill("SIGKILL"), 2000);
      } catch {
        // it has ended
      }
      await status;
      clearTimeout(timer);
      await reader.cancel();
      await drained;
    },
  };
}

/** Asks over HTTP. `fetch` would send it to a proxy of the environment. */
function askJson(
  { port, path, key, body, signal }: {
    readonly port: number;
    readonly path: string;
    readonly key: string;
    /** Posted as JSON; absent: a GET. */
    readonly body?: unknown;
    readonly signal: AbortSignal;
  },
): Promise<{ status: number; value: unknown }> {
  const { promise, resolve, reject } = Promise.withResolvers<
    { status: number; value: unknown }
  >();
  const fail = (error: unknown) =>
    reject(signal.aborted ? signal.reason : error);
  if (signal.aborted) fail(signal.reason);
  else {
    const asked = request({
      host: HOST,
      port,
      path,
      method: body === undefined ? "GET" : "POST",
      headers: {
        "authorization": `Bearer ${key}`,
        "content-type": "application/json",
      },
      agent: false,
    }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece) => text += piece);
      response.on("error", fail);
      response.on("end", () => {
        try {
          resolve({
            status: response.statusCode ?? 0,
            value: JSON.parse(text),
          });
        } catch (error) {
          fail(error);
        }
      });
    });
    asked.on("error", fail);
    const abort = () => {
      fail(signal.reason);
      asked.destroy();
    };
    signal.addEventListener("abort", abort, { once: true });
    asked.on("close", () => signal.removeEventListener("abort", abort));
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  }
  return promise;
}

/** A port that nobody listens on. */
function freePort(): number {
  using listener = Deno.listen({ hostname: HOST, port: 0 });
  return listener.addr.port;
}

/** Whether the program is in a folder of the PATH, as far as this process may look. */
function isOnPath(): boolean {
  return (environmentVariable("PATH") ?? "").split(delimiter).some((folder) => {
    const path = join(folder, PROGRAM);
    if (folder === "" || !isGranted({ name: "read", path })) return false;
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}
