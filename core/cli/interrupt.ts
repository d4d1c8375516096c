/**
 * Ctrl-C, SIGTERM and a closed terminal: the first asks for a clean end, the second ends the process at once.
 * @module
 */
import type { Output } from "../contracts/command.ts";

/** Exit code of an interrupted run. */
export const INTERRUPTED = 130;

/** A signal that the first interrupt aborts; dispose of it to stop listening. */
export interface Interrupt extends Disposable {
  /** Aborted by the first interrupt. */
  readonly signal: AbortSignal;
}

/** Listens. Backends run in workers, so that signals are handled in the middle of a long step too. */
export function onInterrupt(
  output: Output,
  message: string,
  exit: (code: number) => void = Deno.exit,
): Interrupt {
  const controller = new AbortController();
  const listen = () => {
    if (controller.signal.aborted) exit(INTERRUPTED);
    controller.abort();
    try {
      output.line(`\n${message}`);
    } catch {
      // the terminal is gone: what follows needs none
    }
  };
  const names: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM", "SIGHUP"]; // SIGHUP: the terminal was closed, or its connection lost
  for (const name of names) Deno.addSignalListener(name, listen);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const name of names) Deno.removeSignalListener(name, listen);
    },
  };
}
