/**
 * A server that listens, and how it ends.
 * @module
 */
import { ConfigError, type LoadedModel } from "@denotune/denotune/core";
import type { Access } from "./access.ts";
import { Admission } from "./admission.ts";
import { serveApp } from "./app.ts";
import { Metrics } from "./metrics.ts";
import { TokenTexts } from "./token_texts.ts";

/** How a model is served. */
export interface ServerOptions {
  /** Loaded with `logits` and with as many `rows`. */
  readonly model: LoadedModel;
  /** What clients call it. */
  readonly name: string;
  readonly hostname: string;
  /** 0: any. */
  readonly port: number;
  /** Answers that are written at the same time, and those that may wait. */
  readonly rows: number;
  readonly queue: number;
  /** Tokens of one answer at most; null: what the context holds. */
  readonly maxTokens: number | null;
  /** Bytes of a request at most. */
  readonly maxBody: number;
  /** Seconds that a request may take. */
  readonly timeout: number;
  readonly access: Access;
  /** Receives a line for each request. */
  log(line: string): void;
}

/** A server that listens. */
export interface StartedServer {
  /** Where it answers: `http://127.0.0.1:8000`. */
  readonly address: string;
  /** Names of the models that it has. */
  readonly models: readonly string[];
  /** Finishes what is being answered, refuses what comes, and ends. */
  end(): Promise<void>;
}

/** Starts a server. Throws `ConfigError` where the port is taken or two models have one name. */
export function startServer(options: ServerOptions): StartedServer {
  const { model, rows, queue } = options;
  const models = modelsOf(model, options.name);
  const admission = new Admission({ rows, queue });
  const app = serveApp({
    ...options,
    serving: {
      model,
      models,
      admission,
      metrics: new Metrics(),
      texts: new TokenTexts(model.tokenizer),
      maxTokens: options.maxTokens,
      timeout: options.timeout,
      created: Math.floor(Date.now() / 1000),
    },
  });
  const server = listen(options, (request) => app.fetch(request));
  const { hostname, port } = server.addr;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return {
    address: `http://${host}:${port}`,
    models: [...models.keys()],
    async end() {
      await admission.close();
      await server.shutdown();
    },
  };
}

/** Names for clients, and the adapter of each: the model itself, then those on it. */
function modelsOf(
  { adapters }: LoadedModel,
  name: string,
): ReadonlyMap<string, string | null> {
  const own = adapters.includes("default") ? "default" : null;
  const models = new Map<string, string | null>([[name, own]]);
  for (const adapter of adapters) {
    if (adapter === "default") continue;
    if (models.has(adapter)) {
      throw new ConfigError(
        `Two models would be called "${adapter}": give the adapter another name, or the model by --name`,
      );
    }
    models.set(adapter, adapter);
  }
  return models;
}

function listen(
  { hostname, port }: ServerOptions,
  handler: (request: Request) => Response | Promise<Response>,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ hostname, port, onListen: () => {} }, handler);
  } catch (cause) {
    if (cause instanceof Deno.errors.AddrInUse) {
      throw new ConfigError(
        `Port ${port} is taken; name another one with --port, or 0 for any`,
        { cause },
      );
    }
    if (cause instanceof Deno.errors.AddrNotAvailable) {
      throw new ConfigError(
        `This machine has no address ${hostname}; name one of its own with --host`,
        { cause },
      );
    }
    throw cause;
  }
}
