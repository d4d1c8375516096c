/**
 * The worker's side of a device: the last line of a backend's worker module.
 *
 * ```ts
 * import { serve } from "@denotune/denotune/core";
 * serve(async (options) => await openExecutor(options));
 * ```
 * @module
 */
import { mayDoEverything } from "../permissions.ts";
import { CommandQueue } from "./command_queue.ts";
import type { Executor } from "./executor.ts";
import {
  type Answer,
  type Command,
  errorToData,
  type OpenCommand,
  SharedState,
} from "./protocol.ts";

/** What a worker's global scope is to us: the types of windows and workers cannot be loaded together. */
interface WorkerScope {
  postMessage(message: Answer, transfer?: Transferable[]): void;
  addEventListener(
    type: "message",
    listener: (event: MessageEvent<OpenCommand | readonly Command[]>) => void,
  ): void;
  addEventListener(type: "error", listener: (event: ErrorEvent) => void): void;
  addEventListener(
    type: "unhandledrejection",
    listener: (event: PromiseRejectionEvent) => void,
  ): void;
}

/**
 * Answers the host: opens the executor with the options given to `connectWorker` and a port to each of its helpers,
 * then does every command in order. To be called once, in a module worker.
 */
export function serve(
  open: (
    options: unknown,
    helpers: readonly MessagePort[],
  ) => Executor | Promise<Executor>,
): void {
  const scope = globalThis as unknown as WorkerScope;
  let queue: CommandQueue | null = null;
  let opened: Executor | null = null;
  // Reported in order, not printed by the runtime; the executor's memory is released while its thread lives.
  const crash = async (event: Event, error: unknown): Promise<void> => {
    event.preventDefault();
    const executor = opened;
    opened = null;
    try {
      await executor?.close();
    } catch {
      // the crash is the error to report
    }
    scope.postMessage({ type: "crashed", error: errorToData(error) });
  };
  scope.addEventListener(
    "error",
    (event) => void crash(event, event.error ?? event.message),
  );
  scope.addEventListener(
    "unhandledrejection",
    (event) => void crash(event, event.reason),
  );
  const start = async (command: OpenCommand): Promise<void> => {
    try {
      const executor = await open(command.options, command.helpers);
      opened = executor;
      queue = new CommandQueue(
        executor,
        new SharedState(command.shared),
        (answer, transfer) => scope.postMessage(answer, transfer ?? []),
      );
      scope.postMessage({
        type: "opened",
        info: executor.info,
        profiles: executor.profile !== undefined,
        maps: executor.map !== undefined,
      });
    } catch (error) {
      scope.postMessage({ type: "open-failed", error: errorToData(error) });
    }
  };
  scope.addEventListener("message", ({ data }) => {
    // The host sends commands only after `opened`, so the queue is there.
    if ("type" in data) void start(data);
    else for (const command of data) queue?.push(command);
  });
  // A message that arrives before the listener is added would be lost: the host waits for this.
  scope.postMessage({ type: "ready", thread: ownThread() });
}

/** `/proc/1234/task/1240`. */
function ownThread(): string | null {
  return Deno.build.os === "linux" && mayDoEverything()
    ? `/proc/${Deno.readLinkSync("/proc/thread-self")}`
    : null;
}
