/**
 * Debian's Chromium without a screen, driven over the DevTools protocol: its WebGPU is Dawn with Tint, the other
 * compiler of WGSL, on SwiftShader, which computes on the processor.
 * @module
 */

/** Where the browser is; null: it is not installed. */
export const chromiumPath: string | null = findChromium();

/** The name of a test: says why it is skipped. */
export function chromiumTitle(sentence: string): string {
  return chromiumPath === null
    ? `${sentence} (skipped: Debian's chromium is not installed)`
    : sentence;
}

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-dev-shm-usage",
  "--disable-gpu-watchdog", // a shader that the processor computes may take its time
  "--enable-unsafe-webgpu",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--use-webgpu-adapter=swiftshader",
  "--remote-debugging-port=0",
];

/** How long the browser may take to start. */
const START_MS = 30_000;

/** One page of a browser of its own. */
export class Chromium implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #server: Deno.HttpServer;
  readonly #folder: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (message: Reply) => void>();
  #session: string | undefined;
  #sent = 0;

  private constructor(
    parts: {
      process: Deno.ChildProcess;
      server: Deno.HttpServer;
      folder: string;
      socket: WebSocket;
    },
  ) {
    this.#process = parts.process;
    this.#server = parts.server;
    this.#folder = parts.folder;
    this.#socket = parts.socket;
    this.#socket.onmessage = ({ data }) => {
      const reply: Reply = JSON.parse(data);
      if (reply.id === undefined) return;
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    };
  }

  /** Starts the browser with an empty page of localhost: WebGPU is for secure origins alone. */
  static async open(): Promise<Chromium> {
    if (chromiumPath === null) throw new Error("chromium is not installed");
    const folder = await Deno.makeTempDir({ prefix: "denotune_chromium_" });
    const server = Deno.serve(
      { port: 0, hostname: "localhost", onListen: () => {} },
      () =>
        new Response("<!doctype html><title>denotune</title>", {
          headers: { "content-type": "text/html" },
        }),
    );
    const process = new Deno.Command(chromiumPath, {
      args: [...FLAGS, `--user-data-dir=${folder}`, "about:blank"],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const socket = new WebSocket(await debuggerOf(process));
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error("chromium does not answer"));
    });
    const page = new Chromium({ process, server, folder, socket });
    await page.#openPage(`http://localhost:${server.addr.port}/`);
    return page;
  }

  async #openPage(url: string): Promise<void> {
    const { targetId } = await this.#send("Target.createTarget", { url });
    const { sessionId } = await this.#send("Target.attachToTarget", {
      targetId,
      flatten: true,
    });
    this.#session = sessionId as string;
    const end = performance.now() + START_MS;
    while (await this.evaluate("location.href") !== url) {
      if (performance.now() > end) throw new Error(`cannot open ${url}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** The value of an expression in the page, awaited if it is a promise. Throws what it throws. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.#send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    }) as {
      result: { value?: unknown };
      exceptionDetails?: { text: string; exception?: { description?: string } };
    };
    if (exceptionDetails !== undefined) {
      throw new Error(
        exceptionDetails.exception?.description ?? exceptionDetails.text,
      );
    }
    return result.value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.onclose = resolve);
    this.#socket.close();
    await closed;
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await this.#process.stderr.cancel().catch(() => {});
    await this.#server.shutdown();
    // the browser's own processes may still write while it ends
    for (let i = 0; i < 50; i++) {
      try {
        await Deno.remove(this.#folder, { recursive: true });
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  #send(
    method: string,
    params: Readonly<Record<string, unknown>>,
  ): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#sent;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (result === undefined) {
          reject(new Error(`${method}: ${error?.message ?? "no result"}`));
        } else resolve(result);
      });
      this.#socket.send(
        JSON.stringify({ id, method, params, sessionId: this.#session }),
      );
    });
  }
}

interface Reply {
  readonly id?: number;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

function findChromium(): string | null {
  for (const name of ["chromium", "chromium-browser"]) {
    for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
      try {
        const path = `${folder}/${name}`;
        if (Deno.statSync(path).isFile) return path;
      } catch {
        // the next folder
      }
    }
  }
  return null;
}

/** The address that the browser writes when it is ready. */
async function debuggerOf(process: Deno.ChildProcess): Promise<string> {
  const reader = process.stderr.getReader();
  const decoder = new TextDecoder();
  const timer = setTimeout(() => process.kill("SIGKILL"), START_MS);
  let written = "";
  try {
    while (true) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`chromium did not start: ${written}`);
      written += decoder.decode(value, { stream: true });
      const url = /DevTools listening on (ws:\S+)/.exec(written)?.[1];
      if (url !== undefined) return url;
    }
  } finally {
    clearTimeout(timer);
    reader.releaseLock();
  }
}
