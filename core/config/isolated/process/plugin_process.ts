/**
 * One run of a plugin's process, as a thread that waits for it sees it: messages to it, and what it sends back.
 * @module
 */
import { ownModule } from "../../../own_module.ts";
import { type Ended, type Limits, LOAD_MS } from "./bridge.ts";
import { type Bridges, BridgeThread } from "./bridge_thread.ts";
import { childArgs } from "../deno_child.ts";
import { LATE, ProcessEnded } from "./ended.ts";
import { type Mail, Mailbox } from "../mailbox.ts";
import {
  fromFrame,
  type FromPlugin,
  isFromPlugin,
  toFrame,
  type ToPlugin,
} from "../messages.ts";

/** What a process is started for. */
export interface ProcessOptions {
  /** URL of the plugin's module. */
  readonly url: string;
  /** The module, as people are shown it. */
  readonly module: string;
  /** What its process may take. */
  readonly limits: Limits;
  /** Granted permissions, as flags of Deno. */
  readonly flags: readonly string[];
  /** What starts it; absent: a thread of its own. */
  readonly bridges?: Bridges | undefined;
}

/** How much longer than its limit a silent process is waited for: whoever ends it needs a moment. */
const SPARE_MS = LOAD_MS + 10_000;

/** Started when it is made. Dispose of it to end the process, whatever it does. */
export class PluginProcess implements Disposable {
  readonly #mailbox = new Mailbox();
  readonly #waitMs: number;
  readonly #process: { end(): void };
  /** A thread of its own. */
  readonly #thread: BridgeThread | null;

  constructor({ url, module, limits, flags, bridges }: ProcessOptions) {
    // first: where no process can be started, no thread is
    const args = childArgs({
      url,
      served: ownModule(new URL("../serve_plugin.ts", import.meta.url)).href,
      args: [module],
      heapMB: limits.memoryMB,
      flags,
    });
    this.#waitMs = limits.timeMs + SPARE_MS;
    const thread = new BridgeThread();
    this.#thread = bridges === undefined ? thread : null;
    this.#process = (bridges ?? thread).start({
      program: Deno.execPath(),
      args,
      limits,
      memory: this.#mailbox.memory,
    });
  }

  /** Sends a message; who waits gets its answer. */
  send(message: ToPlugin): void {
    this.#mailbox.writeRequest(toFrame(message));
  }

  /** The next message, blocked until it is there. Throws `ProcessEnded`; null for what is no message. */
  wait(): FromPlugin | null {
    return messageIn(this.#mailbox.wait(this.#waitMs));
  }

  /** {@linkcode wait}, not blocked. */
  async waitFor(): Promise<FromPlugin | null> {
    const until = performance.now() + this.#waitMs;
    let mail = this.#mailbox.take();
    for (let ms = 1; mail === null && performance.now() < until;) {
      await new Promise((resolve) => setTimeout(resolve, ms));
      ms = Math.min(10, ms + 1);
      mail = this.#mailbox.take();
    }
    return messageIn(mail);
  }

  /** Ends it. */
  [Symbol.dispose](): void {
    this.#process.end();
    this.#thread?.[Symbol.dispose]();
  }
}

function messageIn(mail: Mail | null): FromPlugin | null {
  if (mail === null) throw new ProcessEnded(LATE);
  if (mail.kind === "ended") {
    const ended: Ended = JSON.parse(new TextDecoder().decode(mail.bytes));
    throw new ProcessEnded(ended);
  }
  try {
    const message = fromFrame(mail.bytes);
    return isFromPlugin(message) ? message : null;
  } catch {
    return null;
  }
}
