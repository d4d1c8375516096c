/**
 * The thread that owns the processes of isolated plugins: it starts them, passes frames on, holds them to their limits
 * and ends them. No code of a plugin runs here.
 * @module
 */
import { readFileSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { messageOf } from "../../../contracts/errors.ts";
import { Mailbox, type MailboxMemory } from "../mailbox.ts";
import { FRAME_HEAD, MOST_FRAME_BYTES } from "../messages.ts";

/** What a process may take. */
export interface Limits {
  /** Longest silence while it works, ms. */
  readonly timeMs: number;
  /** Most memory of the whole process, MB. */
  readonly memoryMB: number;
}

/** What a process is started with. */
export interface StartedProcess {
  /** The Deno that is started, and its arguments. */
  readonly program: string;
  readonly args: readonly string[];
  readonly limits: Limits;
  /** Of the thread that asks it. */
  readonly memory: MailboxMemory;
}

/** What the thread is asked for. `id`: a number of a process. */
export type BridgeCommand =
  | {
    readonly type: "start";
    readonly id: number;
    readonly process: StartedProcess;
  }
  | { readonly type: "end"; readonly id: number };

/** Why a process has ended. */
export interface Ended {
  /** `late`, `memory`, `long`: it was ended, because a limit was passed; `none`: it could not be started. */
  readonly why: "late" | "memory" | "long" | "none" | null;
  readonly code: number;
  readonly signal: string | null;
  /** The end of what it wrote to its error output. */
  readonly stderr: string;
}

/** How long a process may take to start and to load its modules, ms. */
export const LOAD_MS = 30_000;
/** How often memory is looked at while a call is out, ms. */
const WATCH_MS = 50;
const MOST_STDERR = 8192;
/** Bytes of the buffer that frames are read into, at first. */
const FIRST_BUFFER = 2 ** 18;

class Bridge {
  readonly #mailbox: Mailbox;
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #limits: Limits;
  #why: Ended["why"] = null;
  #stderr = "";
  #hasLoaded = false;
  /** When the request that is out was sent; null while none is. */
  #since: number | null = null;
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor({ program, args, limits, memory }: StartedProcess) {
    this.#mailbox = new Mailbox(memory);
    this.#limits = limits;
    this.#child = new Deno.Command(program, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#run();
    this.#send();
  }

  /** Passes requests on. */
  async #send(): Promise<void> {
    for await (const request of this.#mailbox.requests()) {
      this.#since = performance.now();
      this.#timer ??= setInterval(() => this.#watch(), WATCH_MS);
      // a process that has ended says so by its status
      this.#writer.write(request).catch(() => {});
    }
  }

  /** Ends the process. */
  end(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // it has ended
    }
  }

  async #run(): Promise<void> {
    const reading = this.#read().catch((error) => {
      this.#stderr += messageOf(error);
      this.end();
    });
    const errors = this.#readErrors().catch(() => {});
    const { code, signal } = await this.#child.status;
    await Promise.all([reading, errors]);
    this.#rest();
    const ended: Ended = {
      why: this.#why,
      code,
      signal,
      stderr: this.#stderr,
    };
    this.#mailbox.answer(
      "ended",
      new TextEncoder().encode(JSON.stringify(ended)),
    );
  }

  /** Reads frames into one buffer, which grows with them. */
  async #read(): Promise<void> {
    const reader = this.#child.stdout.getReader({ mode: "byob" });
    let buffer = new Uint8Array(FIRST_BUFFER);
    let have = 0;
    let need = FRAME_HEAD;
    while (true) {
      if (buffer.length < need) {
        const grown = new Uint8Array(2 * need);
        grown.set(buffer.subarray(0, have));
        buffer = grown;
      }
      const { value, done } = await reader.read(buffer.subarray(have));
      if (value === undefined || done) return;
      // the buffer comes back as another object
      buffer = new Uint8Array(value.buffer);
      have += value.length;
      while (have >= need) {
        const bytes = frameBytes(buffer);
        if (bytes > MOST_FRAME_BYTES) return this.#stop("long");
        need = FRAME_HEAD + bytes;
        if (have < need) break;
        this.#rest();
        this.#hasLoaded = true;
        this.#mailbox.answer("frame", buffer.subarray(FRAME_HEAD, need));
        buffer.copyWithin(0, need, have);
        have -= need;
        need = FRAME_HEAD;
      }
    }
  }

  async #readErrors(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stderr) {
      const text = this.#stderr + decoder.decode(bytes, { stream: true });
      // the first words say why, the last are of a stack
      this.#stderr = text.slice(0, MOST_STDERR);
    }
  }

  /** No request is out. */
  #rest(): void {
    this.#since = null;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #watch(): void {
    if (this.#since === null) return;
    const { timeMs } = this.#limits;
    const limit = this.#hasLoaded ? timeMs : Math.max(timeMs, LOAD_MS);
    if (performance.now() - this.#since > limit) {
      return this.#stop("late");
    }
    const used = memoryOf(this.#child.pid);
    if (used !== null && used > this.#limits.memoryMB) this.#stop("memory");
  }

  #stop(why: Ended["why"]): void {
    this.#why ??= why;
    this.end();
  }
}

function frameBytes({ buffer }: Uint8Array<ArrayBuffer>): number {
  return new DataView(buffer).getUint32(0, true);
}

/** Memory that a process holds, MB; null where the system does not say. */
function memoryOf(pid: number): number | null {
  try {
    if (Deno.build.os === "linux") {
      const pages = Number(
        readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1],
      );
      return pages * 4096 / 2 ** 20;
    }
    if (Deno.build.os !== "darwin") return null;
    const { stdout } = new Deno.Command("ps", {
      args: ["-o", "rss=", "-p", String(pid)],
      stderr: "null",
    }).outputSync();
    return Number(new TextDecoder().decode(stdout)) / 1024 || null;
  } catch {
    return null;
  }
}

/** Makes this thread one that owns a process: called once. */
export function serveBridge(): void {
  const bridges = new Map<number, Bridge>();
  parentPort?.on("message", (command: BridgeCommand) => {
    switch (command.type) {
      case "start":
        try {
          bridges.set(command.id, new Bridge(command.process));
        } catch (error) {
          const ended: Ended = {
            why: "none",
            code: 1,
            signal: null,
            stderr: messageOf(error),
          };
          new Mailbox(command.process.memory).answer(
            "ended",
            new TextEncoder().encode(JSON.stringify(ended)),
          );
        }
        return;
      case "end":
        bridges.get(command.id)?.end();
        bridges.delete(command.id);
    }
  });
}
