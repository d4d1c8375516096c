/**
 * Ctrl-C, SIGTERM and a closed terminal: the first asks for a clean end, the second ends the process at once.
 * @module
 */
import { Worker } from "node:worker_threads";
import type { Output } from "../contracts/command.ts";

/** Exit code of an interrupted run. */
export const INTERRUPTED = 130;

/** A signal that the first interrupt aborts; dispose of it to stop listening. */
export interface Interrupt extends Disposable {
  /** Aborted by the first interrupt. */
  readonly signal: AbortSignal;
}

/** How interrupts are handled. */
export interface InterruptOptions {
  /** Ends the process: `Deno.exit` where absent. */
  readonly exit?: (code: number) => void;
  /**
   * Whether a thread of its own ends the process where this one is too busy to hear the signal: code of a plugin that
   * never returns. Default: false.
   */
  readonly watch?: boolean;
}

/** Signals that ask for an end. SIGHUP: the terminal was closed, or its connection lost. */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/** Seconds after which a thread that has not heard a signal counts as stuck. */
const STUCK_SECONDS = 5;

/** Listens. Backends run in workers, so that signals are handled in the middle of a long step too. */
export function onInterrupt(
  output: Output,
  message: string,
  { exit = Deno.exit, watch = false }: InterruptOptions = {},
): Interrupt {
  const controller = new AbortController();
  const watcher = watch ? watchForStuck() : null;
  const listen = () => {
    watcher?.postMessage("heard");
    if (controller.signal.aborted) exit(INTERRUPTED);
    controller.abort();
    try {
      output.line(`\n${message}`);
    } catch {
      // the terminal is gone: what follows needs none
    }
  };
  for (const name of SIGNALS) Deno.addSignalListener(name, listen);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const name of SIGNALS) Deno.removeSignalListener(name, listen);
      void watcher?.terminate();
    },
  };
}

/** The watching thread, as text: it must start wherever the program was loaded from, a bundle too. */
function watchForStuck(): Worker {
  const code = `
    import { parentPort } from "node:worker_threads";
    let timer;
    const heard = () => {
      timer ??= setTimeout(() => {
        const text = "\\nerror: nothing has answered for ${STUCK_SECONDS} seconds: code of a part (a masker, a format, ...) never returns. Ended; complete checkpoints are kept\\n";
        try { Deno.stderr.writeSync(new TextEncoder().encode(text)); } catch { /* nobody reads */ }
        Deno.kill(Deno.pid, "SIGKILL");
      }, ${STUCK_SECONDS * 1000});
    };
    for (const name of ${
    JSON.stringify(SIGNALS)
  }) Deno.addSignalListener(name, heard);
    parentPort.on("message", () => { clearTimeout(timer); timer = undefined; });`;
  const url = `data:text/javascript,${encodeURIComponent(code)}`;
  // an environment of its own: the copy of this one would need permission for every variable
  const worker = new Worker(new URL(url), { env: {} });
  worker.unref(); // it alone keeps no process alive
  return worker;
}
