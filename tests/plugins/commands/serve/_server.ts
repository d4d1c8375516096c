/**
 * A server for tests: a tiny model on the cpu backend, listening on a port of its own.
 * @module
 */
import { type LoadedModel, loadModel, train } from "@denotune/denotune";
import {
  type ServerOptions,
  type StartedServer,
  startServer,
} from "../../../../plugins/commands/serve/server.ts";
import { testFolder, tinyRun } from "../../../run_harness.ts";

/** A model, its server, and requests to it. */
export interface TestServer {
  readonly model: LoadedModel;
  readonly server: StartedServer;
  /** Lines of the access log. */
  readonly log: readonly string[];
  /** Sends JSON. */
  post(
    path: string,
    body: unknown,
    init?: RequestInit,
  ): Promise<{ status: number; headers: Headers; body: Answer }>;
  /** Values of `/metrics` whose names begin with `denotune_`, without labels. */
  metrics(): Promise<Record<string, number>>;
}

/** What the server answers, as far as tests read it. */
export interface Answer {
  readonly choices: readonly {
    readonly index: number;
    readonly text: string;
    readonly message: { readonly role: string; readonly content: string };
    readonly finish_reason: string;
    readonly logprobs: {
      readonly tokens: readonly string[];
      readonly token_logprobs: readonly (number | null)[];
      readonly top_logprobs: readonly (Record<string, number> | null)[];
      readonly text_offset: readonly number[];
      readonly content: readonly {
        readonly token: string;
        readonly logprob: number;
        readonly top_logprobs: readonly unknown[];
      }[];
    };
  }[];
  readonly usage: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
  };
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

/** Waits until something holds. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!await holds()) await new Promise((done) => setTimeout(done, 2));
}

/** Turns with tags, so that the tiny model has a chat template. */
export const CHATML = { use: "chatml" } as const;

let folder: Promise<string> | undefined;

/** The folder of a tiny model, trained for a moment, once for all tests of a file. */
export function trained(): Promise<string> {
  return folder ??= (async () => {
    const made = testFolder();
    globalThis.addEventListener("unload", () => made[Symbol.dispose]());
    const path = `${made.path}/run`;
    await train(tinyRun(path, {
      data: { train: [{ rows: ROWS, format: "alpaca" }], template: CHATML },
      training: { max_steps: 2 },
    }));
    return path;
  })();
}

/** Serves a tiny model, and ends all. */
export async function serving(
  body: (test: TestServer) => Promise<void>,
  { options = {}, contextLength = 128, folder: given, adapters = {} }: {
    readonly options?: Partial<ServerOptions>;
    /** What is served; absent: the tiny model. */
    readonly folder?: string;
    readonly contextLength?: number;
    /** Folders of adapters on it, by name. */
    readonly adapters?: Readonly<Record<string, string>>;
  } = {},
): Promise<void> {
  const path = given ?? await trained();
  const rows = options.rows ?? 4;
  await using model = await loadModel(path, {
    backend: { use: "cpu", blas: "off", workers: 1 },
    rows,
    logits: true,
    contextLength,
    adapters,
  });
  const log: string[] = [];
  const server = startServer({
    model,
    name: "tiny",
    hostname: "127.0.0.1",
    port: 0,
    rows,
    queue: 64,
    maxTokens: null,
    maxBody: 100_000,
    timeout: 60,
    access: { isLoopback: true, keys: [], origins: [] },
    log: (line) => log.push(line),
    ...options,
  });
  try {
    await body({
      model,
      server,
      log,
      async post(path, given, init = {}) {
        const response = await fetch(`${server.address}${path}`, {
          method: "POST",
          body: typeof given === "string" ? given : JSON.stringify(given),
          ...init,
          headers: { "content-type": "application/json", ...init.headers },
        });
        const text = await response.text();
        return {
          status: response.status,
          headers: response.headers,
          body: JSON.parse(text),
        };
      },
      async metrics() {
        const response = await fetch(`${server.address}/metrics`);
        const lines = (await response.text()).split("\n")
          .filter((line) => /^denotune_\w+ /.test(line));
        return Object.fromEntries(
          lines.map((line) => {
            const [name, value] = line.split(" ");
            return [name, Number(value)];
          }),
        );
      },
    });
  } finally {
    await server.end();
  }
}

const ROWS = Array.from({ length: 16 }, (_, i) => ({
  instruction: `say ${i}`,
  output: `it is ${i * i}`,
}));

/** The events of a stream, as JSON; the last is `[DONE]`. */
export async function eventsOf(response: Response): Promise<string[]> {
  return (await response.text()).split("\n\n").filter((text) => text !== "")
    .map((text) => {
      if (!text.startsWith("data: ")) throw new Error(`no event: ${text}`);
      return text.slice(6);
    });
}
