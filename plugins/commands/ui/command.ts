/**
 * `denotune ui`
 * @module
 */
import {
  type Command,
  type CommandContext,
  ConfigError,
  defineCommand,
  harmless,
  kindAt,
  onInterrupt,
  reads,
  temporaryFolder,
  writes,
} from "@denotune/denotune/core";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { chartsFiles, chartsPackage } from "./charts_package.ts";
import { Jobs } from "./jobs.ts";
import { RunStore } from "./run_store.ts";
import { uiApp } from "./server.ts";

const DEFAULT_FOLDER = "outputs";
const LOOPBACK = "127.0.0.1";
const DEFAULT_PORT = 6007;
/** Ports that are tried where none is named. */
const PORTS = 20;

const options = z.strictObject({
  port: z.int().min(0).max(65535).optional().describe(
    `port on this machine; 0: any (default: ${DEFAULT_PORT}, or the next that is free)`,
  ),
  show: z.string().optional().meta({ placeholder: "run" }).describe(
    "run that the address leads to, by its name on the page",
  ),
  until_input_ends: z.boolean().default(false).describe(
    "end when standard input does, and write to standard error: how `train --ui` starts it",
  ),
});

/** `denotune ui` */
export const ui: Command = defineCommand({
  details:
    "Shows the runs of a folder in the browser, while they train and afterwards: curves, the batch token by token, samples, evaluations, settings side by side. Listens on this machine only, needs no network, and reads nothing but run folders.",
  arguments: [{
    name: "folder",
    description: `folder of runs, or one run (default: ${DEFAULT_FOLDER})`,
  }],
  options,
  help: (start) =>
    `Examples:
  ${start} ui
  ${start} ui outputs/capitals
  ${start} train run.yaml --ui
  ssh -L 6007:127.0.0.1:6007 box    then open the address that ui prints there`,
  permissions: ({ port }, { arguments: [folder = DEFAULT_FOLDER] }) => [
    // what its buttons ask of a run is written into the run's folder
    ...writes(folder),
    ...chartsFiles().filter((url) => url.startsWith("file:"))
      .flatMap((url) => reads(fileURLToPath(url))),
    port === undefined || port === 0
      ? `net:${LOOPBACK}`
      : `net:${LOOPBACK}:${port}`,
  ],
  run: runUi,
});

async function runUi(
  { port, show, until_input_ends: isBeside }: z.output<typeof options>,
  context: CommandContext,
): Promise<void> {
  const { err } = context;
  const out = isBeside ? err : context.out;
  const [given] = context.arguments;
  const folder = resolve(given ?? DEFAULT_FOLDER);
  if (given !== undefined && await kindAt(folder) !== "folder") {
    throw new ConfigError(
      `There is no folder ${given}; name the folder that holds your runs (their output_dir), or one run`,
    );
  }
  using interrupt = onInterrupt(
    err,
    "Stopped. Runs continue without the page.",
  );
  await using server = await startUi({ folder, port, show });
  out.line(`Runs of ${harmless(given ?? DEFAULT_FOLDER)}: ${server.address}`);
  if (isBeside) {
    out.line("The page ends with the run; afterwards the command ui shows it.");
  } else {
    out.line(
      "Only this machine can open it. The address holds the token that its buttons need; Ctrl-C stops the page, not the runs.",
    );
  }
  if (!server.hasCharts) {
    err.line(
      `${
        err.style("warning", "note")
      } the files of the package uplot are not at hand: curves are shown as tables`,
    );
  }
  await Promise.race([
    new Promise<void>((done) =>
      interrupt.signal.addEventListener("abort", () => done())
    ),
    ...(isBeside ? [inputEnd()] : []),
  ]);
}

/** Standard input ends when the process that wrote to it does, however that dies. */
async function inputEnd(): Promise<void> {
  const buffer = new Uint8Array(64);
  while (await Deno.stdin.read(buffer) !== null);
}

/** A server that listens. */
export interface StartedUi extends AsyncDisposable {
  /** The page's address, with the token. */
  readonly address: string;
  /** Its port. */
  readonly port: number;
  /** What writes need. */
  readonly token: string;
  readonly hasCharts: boolean;
}

/** Starts the page's server. Throws `ConfigError` where the port is taken. */
export async function startUi(
  { folder, port, show, program, token = newToken() }: {
    readonly folder: string;
    /** Absent: the first of some that is free. */
    readonly port?: number;
    readonly token?: string;
    /** Name of the run that the address leads to; absent: the list. */
    readonly show?: string;
    /** How denotune is started; absent: as this process. */
    readonly program?: readonly string[];
  },
): Promise<StartedUi> {
  const charts = await chartsPackage();
  const closing = new AbortController();
  const { signal } = closing;
  let temporary: ReturnType<typeof temporaryFolder> | null = null;
  const app = uiApp({
    store: new RunStore(folder),
    token,
    charts,
    jobs: new Jobs(program),
    temporary: () => (temporary ??= temporaryFolder()).path,
    signal,
  });
  const server = listen(port, (request) => app.fetch(request));
  const bound = server.addr.port;
  return {
    port: bound,
    token,
    address: `http://127.0.0.1:${bound}/#${
      show === undefined ? "" : `/run/${encodeURIComponent(show)}&`
    }token=${token}`,
    hasCharts: charts !== null,
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      // open pages hold their connection: it must not hold the process
      server.unref();
      let timer: ReturnType<typeof setTimeout> | undefined;
      await Promise.race([
        server.shutdown(),
        new Promise((done) => timer = setTimeout(done, 1000)),
      ]);
      clearTimeout(timer);
      temporary?.[Symbol.dispose]();
    },
  };
}

function listen(
  port: number | undefined,
  handler: (request: Request) => Response | Promise<Response>,
): Deno.HttpServer<Deno.NetAddr> {
  for (let n = 0;; n++) {
    const tried = port ?? DEFAULT_PORT + n;
    try {
      return Deno.serve(
        { hostname: LOOPBACK, port: tried, onListen: () => {} },
        handler,
      );
    } catch (cause) {
      if (!(cause instanceof Deno.errors.AddrInUse)) throw cause;
      if (port === undefined && n + 1 < PORTS) continue;
      throw new ConfigError(
        `Port ${tried} is taken; name another one with --port, or 0 for any`,
        { cause },
      );
    }
  }
}

function newToken(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) =>
    byte.toString(16).padStart(2, "0")
  ).join("");
}
