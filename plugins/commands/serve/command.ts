/**
 * `denotune serve`
 * @module
 */
import {
  askedPlugins,
  type Command,
  type CommandContext,
  ConfigError,
  defineCommand,
  environmentVariable,
  isGranted,
  library,
  modelNeeds,
  onInterrupt,
  whyUnset,
} from "@denotune/denotune/core";
import { basename } from "node:path";
import { z } from "zod";
import { storageFlags, storageOf } from "../_storage_flags.ts";
import { keysOf } from "./access.ts";
import { startServer } from "./server.ts";

const options = z.strictObject({
  host: z.string().default("127.0.0.1").meta({ placeholder: "address" })
    .describe(
      "address to listen on; any other than loopback needs a key in DENOTUNE_API_KEY, or --no-key",
    ),
  port: z.int().min(0).max(65535).default(8000).describe(
    "port to listen on; 0: any",
  ),
  name: z.string().min(1).optional().describe(
    "name of the model for clients (default: the folder's name)",
  ),
  adapter: z.array(
    z.string().regex(
      /^[^=]+=.+/,
      "expected name=folder: support=outputs/support",
    ),
  ).default([]).meta({ placeholder: "name=folder" }).describe(
    "an adapter on the base in FOLDER, which clients ask for by its name; may be given several times",
  ),
  rows: z.int().min(1).max(256).default(8).describe(
    "answers that are written at the same time",
  ),
  queue: z.int().min(0).default(64).describe(
    "answers that may wait; more are refused with 429",
  ),
  context_length: z.int().min(1).optional().describe(
    "tokens of prompt and answer together (default: 2048, or what the model was made for if less)",
  ),
  max_tokens: z.int().min(1).optional().describe(
    "tokens of one answer at most (default: what the context holds)",
  ),
  max_body: z.int().min(1024).default(4 * 1024 * 1024).describe(
    "bytes of a request at most",
  ),
  timeout: z.number().positive().default(600).describe(
    "seconds that a request may take, waiting included",
  ),
  cors: z.array(z.string()).default([]).meta({ placeholder: "origin" })
    .describe(
      "an origin whose pages may ask, as https://example.org, or * for all; may be given several times",
    ),
  no_key: z.boolean().default(false).describe(
    "listen beyond loopback without asking for a key",
  ),
  quiet: z.boolean().default(false).describe("no line for each request"),
  ...storageFlags,
});

type Flags = z.output<typeof options>;

/** `denotune serve` */
export const serve: Command = defineCommand({
  details:
    "Answers clients of OpenAI's API over HTTP. Requests that come at the same time are answered together. FOLDER is a run's folder, a checkpoint, an adapter (its base is found by itself), any model in Hugging Face layout, or a Hub id that is in the cache. Keys come from DENOTUNE_API_KEY, or several with commas from DENOTUNE_API_KEYS. Ctrl-C or SIGTERM finishes what is being answered and refuses the rest; a Ctrl-C after it ends at once.",
  arguments: [{
    name: "folder",
    description: "what to serve: a folder or a Hub id",
    required: true,
  }],
  options,
  help: (start) =>
    `Examples:
  ${start} serve outputs/quickstart
  ${start} serve models/base --adapter support=outputs/support --adapter sales=outputs/sales
  DENOTUNE_API_KEY=secret ${start} serve outputs/quickstart --host 0.0.0.0 --rows 16`,
  permissions: async ({ adapter, host, port }, context) => [
    ...await modelNeeds(context, [
      context.arguments[0],
      ...adapter.map((named) => named.slice(named.indexOf("=") + 1)),
    ]),
    `net:${host}:${port}`,
    "env:DENOTUNE_API_KEY",
    "env:DENOTUNE_API_KEYS",
  ],
  run: runServe,
});

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/;

async function runServe(flags: Flags, context: CommandContext): Promise<void> {
  const { out, err, program, arguments: [folder] } = context;
  const keys = keysOf({ get: environmentVariable });
  const mayReadKeys = isGranted({ name: "env", variable: "DENOTUNE_API_KEY" });
  const isLoopback = LOOPBACK.test(flags.host);
  if (!isLoopback && keys.length === 0 && !flags.no_key) {
    throw new ConfigError(
      `--host ${flags.host} lets other machines ask: set a key in DENOTUNE_API_KEY${
        mayReadKeys ? "" : `, which ${whyUnset("DENOTUNE_API_KEY")}`
      }, or say --no-key`,
    );
  }
  if (!mayReadKeys && !flags.no_key) {
    err.line(
      `${err.style("warning", "note")} no key is asked for: DENOTUNE_API_KEY ${
        whyUnset("DENOTUNE_API_KEY")
      }`,
    );
  }
  const adapters = Object.fromEntries(flags.adapter.map((text) => {
    const at = text.indexOf("=");
    return [text.slice(0, at), text.slice(at + 1)];
  }));
  await using model = await library.loadModel(program.builtIn, folder, {
    ...storageOf(flags),
    adapters,
    contextLength: flags.context_length,
    rows: flags.rows,
    logits: true,
    ...askedPlugins(context),
    onNotice: (message) =>
      err.line(`${err.style("warning", "note")} ${message}`),
  });
  using interrupt = onInterrupt(
    err,
    "Ending: what is being answered is finished, new requests are refused. Ctrl-C again ends at once.",
  );
  const server = startServer({
    model,
    name: flags.name ?? basename(folder.replace(/[/\\]+$/, "")),
    hostname: flags.host.replace(/^\[|\]$/g, ""),
    port: flags.port,
    rows: flags.rows,
    queue: flags.queue,
    maxTokens: flags.max_tokens ?? null,
    maxBody: flags.max_body,
    timeout: flags.timeout,
    access: { isLoopback, keys, origins: flags.cors },
    log: (line) => flags.quiet ? undefined : err.line(err.style("dim", line)),
  });
  out.line(`Serving ${server.models.join(", ")} at ${server.address}/v1`);
  err.line(
    err.style(
      "dim",
      `${model.modelType} on ${model.device}; ${flags.rows} answers at a time, ${model.contextLength} tokens each. A page to talk to it: ${server.address}. Ctrl-C ends.`,
    ),
  );
  await new Promise<void>((done) =>
    interrupt.signal.addEventListener("abort", () => done())
  );
  await server.end();
}
