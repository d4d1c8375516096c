/**
 * The thread that owns plugins' processes, as others see it: see `bridge.ts`. A worker has its own started by the main
 * thread, which passes its commands on: a thread that a worker starts begins half a second later.
 * @module
 */
import { Worker as NodeWorker } from "node:worker_threads";
import { ownModule } from "../../../own_module.ts";
import type { BridgeCommand, StartedProcess } from "./bridge.ts";

/** What starts processes. */
export interface Bridges {
  /** Starts one; gives what ends it. */
  start(process: StartedProcess): { end(): void };
}

/** Ends the processes that nobody has any more: a program may load many runs. */
const FORGOTTEN: FinalizationRegistry<NodeWorker> = new FinalizationRegistry(
  (worker) => void worker.terminate(),
);

/** Started with its first process. Dispose of it to end all of them. */
export class BridgeThread implements Bridges, Disposable {
  #worker: NodeWorker | null = null;
  #processes = 0;

  /** See {@linkcode Bridges.start}. */
  start(process: StartedProcess): { end(): void } {
    const worker = this.#worker ??= this.#startThread();
    const id = ++this.#processes;
    const post = (command: BridgeCommand) => worker.postMessage(command);
    post({ type: "start", id, process });
    return { end: () => post({ type: "end", id }) };
  }

  #startThread(): NodeWorker {
    const bridge = ownModule(new URL("./bridge.ts", import.meta.url)).href;
    // a worker of `node:worker_threads` does not keep the program alive, and takes no module from elsewhere by URL
    const worker = new NodeWorker(
      `import(${JSON.stringify(bridge)}).then((m) => m.serveBridge());`,
      { eval: true },
    );
    worker.unref();
    FORGOTTEN.register(this, worker);
    return worker;
  }

  /** Ends the thread and its processes. */
  [Symbol.dispose](): void {
    this.#worker?.terminate();
    this.#worker = null;
  }
}
