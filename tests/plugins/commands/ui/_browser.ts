/**
 * The page in Chromium, and runs that were written by hand.
 * @module
 */
import { type Browser, chromium, type Page } from "playwright-core";
import { join } from "node:path";
import type { StartedUi } from "../../../../plugins/commands/ui/command.ts";

/** Path of Debian's Chromium, or of another one; null: there is none. */
export function chromiumPath(): string | null {
  for (
    const path of [
      "/usr/bin/chromium",
      "/usr/bin/chromium-browser",
      "/usr/bin/google-chrome",
    ]
  ) {
    try {
      if (Deno.statSync(path).isFile) return path;
    } catch {
      // not installed
    }
  }
  return null;
}

if (chromiumPath() === null) console.log("skipped: there is no Chromium");

/** Options of tests that need Chromium: its processes are not Deno's resources. */
export const IN_BROWSER = {
  ignore: chromiumPath() === null,
  sanitizeOps: false,
  sanitizeResources: false,
} as const;

/** Starts Chromium. */
export async function openBrowser(
  args: readonly string[] = [],
): Promise<Browser & AsyncDisposable> {
  const browser = await chromium.launch({
    executablePath: chromiumPath() ?? undefined,
    args: ["--no-sandbox", "--disable-gpu", ...args],
    timeout: PATIENCE,
  });
  return Object.assign(browser, {
    [Symbol.asyncDispose]: () => browser.close(),
  });
}

/** Milliseconds that anything in a page may take: other tests share the cores, and only a defect takes this long. */
const PATIENCE = 180_000;

/** A page that is watched: what it logged, and what went wrong in it. */
export interface WatchedPage {
  readonly page: Page;
  /** Errors and warnings of its console, and what it threw. */
  readonly errors: string[];
}

/** Opens a page. */
export async function openPage(
  browser: Browser,
  url: string,
  { width = 1280, dark = false }: {
    readonly width?: number;
    readonly dark?: boolean;
  } = {},
): Promise<WatchedPage> {
  const page = await browser.newPage({
    viewport: { width, height: 900 },
    colorScheme: dark ? "dark" : "light",
  });
  page.setDefaultTimeout(PATIENCE);
  const errors: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") {
      errors.push(message.text());
    }
  });
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("dialog", (dialog) => {
    errors.push(`dialog: ${dialog.message()}`);
    dialog.dismiss().catch(() => {});
  });
  await page.goto(url);
  return { page, errors };
}

/** The address of a view, with the token. */
export function viewOf({ port, token }: StartedUi, view: string): string {
  return `http://127.0.0.1:${port}/#${view}&token=${token}`;
}

/** A line of a step. */
export function stepLine(step: number, more: object = {}): string {
  const loss = 0.2 + 5 * Math.exp(-step / 4000) + 0.3 * Math.sin(step * 7.3);
  return JSON.stringify({
    event: "step",
    step,
    epoch: step / 1000,
    time: step / 10,
    loss,
    token_accuracy: 1 / (1 + loss),
    learning_rate: 1e-3 * Math.exp(-step / 10_000),
    grad_norm: 1 + Math.abs(Math.sin(step)),
    trained_tokens: 512,
    total_trained_tokens: 512 * step,
    tokens_per_second: 20_000 + 500 * Math.sin(step / 9),
    trained_tokens_per_second: 9000,
    padded_share: 0.1,
    seconds_left: 60,
    skipped_updates: 0,
    ...more,
  }) + "\n";
}

/** The line of the start of a run. */
export function startLine(more: object = {}): string {
  return JSON.stringify({
    event: "start",
    step: 0,
    epoch: 0,
    time: 0,
    model: "a model",
    adapter: "lora",
    device: "a device",
    total_steps: 20_000,
    epochs: 1,
    rows: 1000,
    skipped_rows: 3,
    eval_rows: 10,
    packs: null,
    tokens: 100_000,
    trained_tokens: 40_000,
    steps_per_epoch: 1000,
    template: "chatml",
    masker: "assistant-only",
    resumed_at: null,
    memory: {
      weights: 5e8,
      gradients: 1e8,
      optimizer: 2e8,
      activations: 3e8,
      cache: 0,
      inputs: 1e6,
      runtime: 3e8,
      total: 1.4e9,
      available: 8e9,
    },
    ...more,
  }) + "\n";
}

/** Writes a run folder by hand; `running`: this process holds it. */
export function writeRun(
  folder: string,
  name: string,
  { lines, settings = "seed: 1\n", running = false }: {
    readonly lines: readonly string[];
    readonly settings?: string;
    readonly running?: boolean;
  },
): string {
  const path = join(folder, name);
  Deno.mkdirSync(path, { recursive: true });
  Deno.writeTextFileSync(join(path, "metrics.jsonl"), lines.join(""));
  Deno.writeTextFileSync(join(path, "config.resolved.yaml"), settings);
  if (running) {
    Deno.writeTextFileSync(
      join(folder, `.${name}.lock`),
      JSON.stringify({
        pid: Deno.pid,
        host: Deno.hostname(),
        since: new Date().toISOString(),
      }),
    );
  }
  return path;
}
