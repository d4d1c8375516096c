/**
 * Ctrl-C, SIGTERM and a closed terminal: the first asks for a clean end; a Ctrl-C after it ends the process at once.
 *
 * SIGTERM and SIGHUP come from programs, and more than once: `scancel` and systemd signal a launcher and its ranks, and
 * the launcher passes its own signal on to them. Whoever has waited long enough sends SIGKILL.
 * @module
 */
import { Worker } from "node:worker_threads";
import type { CallWatch } from "../config/parts/guard_part.ts";
import type { Output } from "../contracts/command.ts";
import { UNCAUGHT } from "./process.ts";

/** Exit code of an interrupted run. */
export const INTERRUPTED = 130;

/** A signal that the first interrupt aborts; dispose of it to stop listening. */
export interface Interrupt extends Disposable {
  /** Aborted by the first interrupt. */
  readonly signal: AbortSignal;
  /** With `watch`: is informed of which part of a plugin runs, so that one that never returns is named. */
  readonly calls?: CallWatch;
  /** With `watch`: the error that nothing caught, where one was the interrupt; else null. */
  failure(): { readonly error: unknown } | null;
}

/** How interrupts are handled. */
export interface InterruptOptions {
  /** Ends the process: `Deno.exit` where absent. */
  readonly exit?: (code: number) => void;
  /**
   * Whether a thread of its own ends the process where this one is too busy to hear the signal: code of a plugin that
   * never returns. An error that nothing caught is an interrupt too. Default: false.
   */
  readonly watch?: boolean;
}

/** Signals that ask for an end. SIGHUP: the terminal was closed, or its connection lost. */
function signals(): readonly Deno.Signal[] {
  return Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
}

/** Signals by which a person says again that the end is wanted now. */
const IMPATIENT: readonly Deno.Signal[] = ["SIGINT", "SIGBREAK"];

/** Seconds after which a thread that has not heard a signal counts as stuck. */
const STUCK_SECONDS = 5;
/** Seconds after which a call that has not returned is named, whether or not there was a signal. */
const LONG_SECONDS = 20;

/** Listens. Backends run in workers, so that signals are handled in the middle of a long step too. */
export function onInterrupt(
  output: Output,
  message: string,
  { exit = Deno.exit, watch = false }: InterruptOptions = {},
): Interrupt {
  const controller = new AbortController();
  const watcher = watch ? watchForStuck() : null;
  let failure: { readonly error: unknown } | null = null;
  const onUncaught = (event: Event) => {
    event.preventDefault();
    failure ??= { error: event instanceof CustomEvent ? event.detail : event };
    controller.abort();
  };
  if (watch) addEventListener(UNCAUGHT, onUncaught);
  const listen = (name: Deno.Signal) => {
    watcher?.worker.postMessage("heard");
    if (controller.signal.aborted) {
      if (IMPATIENT.includes(name)) exit(INTERRUPTED);
      return;
    }
    controller.abort();
    try {
      output.line(`\n${message}`);
    } catch {
      // the terminal is gone: what follows needs none
    }
  };
  const listeners = signals().map((name) =>
    [name, () => listen(name)] as const
  );
  for (const [name, heard] of listeners) Deno.addSignalListener(name, heard);
  return {
    signal: controller.signal,
    calls: watcher?.calls,
    failure: () => failure,
    [Symbol.dispose]: () => {
      for (const [name, heard] of listeners) {
        Deno.removeSignalListener(name, heard);
      }
      removeEventListener(UNCAUGHT, onUncaught);
      void watcher?.worker.terminate();
    },
  };
}

/**
 * The watching thread, as text: it must start wherever the program was loaded from, a bundle too. Shared memory says
 * which call of a part runs, and how many began: this thread cannot say it while it is busy.
 */
function watchForStuck(): {
  readonly worker: Worker;
  readonly calls: CallWatch;
} {
  const shared = new SharedArrayBuffer(8);
  const running = new Int32Array(shared); // the number of the call that runs, 0: none; calls that began
  const code = `
    import { parentPort, workerData } from "node:worker_threads";
    const running = new Int32Array(workerData);
    const names = new Map();
    const say = (text) => {
      try { Deno.stderr.writeSync(new TextEncoder().encode(text)); } catch { /* nobody reads */ }
    };
    let timer;
    const heard = () => {
      timer ??= setTimeout(() => {
        const name = names.get(Atomics.load(running, 0)) ?? "code of a part (a masker, a format, ...)";
        say("\\nerror: nothing has answered for ${STUCK_SECONDS} seconds: " + name + " never returns. Ended; complete checkpoints are kept\\n");
        Deno.kill(Deno.pid, "SIGKILL");
      }, ${STUCK_SECONDS * 1000});
    };
    for (const name of ${
    JSON.stringify(signals())
  }) Deno.addSignalListener(name, heard);
    let last = -1, since = 0, said = -1;
    setInterval(() => {
      const [number, count] = [Atomics.load(running, 0), Atomics.load(running, 1)];
      const now = performance.now();
      if (number === 0 || count !== last) [last, since] = [count, now];
      else if (said !== count && now - since > ${LONG_SECONDS * 1000}) {
        said = count;
        say("\\n" + names.get(number) + " has not returned for ${LONG_SECONDS} seconds, and nothing else can run; Ctrl-C ends the process\\n");
      }
    }, 1000);
    parentPort.on("message", (message) => {
      if (message !== "heard") return names.set(message.number, message.name);
      clearTimeout(timer);
      timer = undefined;
    });`;
  const url = `data:text/javascript,${encodeURIComponent(code)}`;
  const worker = new Worker(new URL(url), { workerData: shared });
  worker.unref(); // it alone keeps no process alive
  const numbers = new Map<string, number>();
  const calls: CallWatch = {
    number(name) {
      const known = numbers.get(name);
      if (known !== undefined) return known;
      const number = numbers.size + 1;
      numbers.set(name, number);
      worker.postMessage({ number, name });
      return number;
    },
    enter(number) {
      Atomics.add(running, 1, 1);
      return Atomics.exchange(running, 0, number);
    },
    leave: (before) => void Atomics.store(running, 0, before),
  };
  return { worker, calls };
}
