/**
 * Sends settings and figures to an MLflow server while the run trains. Nothing waits for the server: what is to be
 * sent is gathered and sent in the background, tried again while the server is away, and at the end of the run
 * sent within a few seconds or given up, and that is said. `metrics.jsonl` has it all anyway.
 *
 * `mlflow.json` in the run folder has the id of the run, so that a resumed run goes on with it.
 * @module
 */
import { basename, join } from "node:path";
import {
  ConfigError,
  definePart,
  environmentVariable,
  type Part,
  type Tracker,
  type TrackerContext,
  type TrackerEvent,
  variables,
} from "@denotune/denotune/core";
import { z } from "zod";
import { figuresOf } from "../_figures.ts";
import { connects, isHttp, mustMayConnect } from "../_http.ts";
import { flatSettings } from "../_settings.ts";
import {
  type Entry,
  loginPermissions,
  type Metric,
  MlflowClient,
  MOST_METRICS,
} from "./client.ts";

/** Options of {@linkcode mlflow}. */
export interface MlflowOptions {
  readonly uri: string | null;
  readonly experiment: string;
  readonly name: string | null;
  readonly every: number;
  readonly seconds: number;
}

const options: z.ZodType<MlflowOptions, Partial<MlflowOptions>> = z
  .strictObject({
    uri: z.string().refine(isHttp, "must be an http or https address")
      .nullable().default(null)
      .describe(
        "Address of the server; null: that of MLFLOW_TRACKING_URI, else http://127.0.0.1:5000",
      ),
    experiment: z.string().min(1).default("denotune").describe(
      "Experiment that the run belongs to",
    ),
    name: z.string().min(1).nullable().default(null).describe(
      "Name of the run; null: that of the run folder",
    ),
    every: z.number().positive().default(2).describe(
      "Seconds between two requests",
    ),
    seconds: z.number().positive().max(60).default(5).describe(
      "Seconds that a request may take, and that the end of the run waits for what is not sent yet",
    ),
  });

/** The part `mlflow`. */
export const mlflow: Part<"tracker", Partial<MlflowOptions>, MlflowOptions> =
  definePart({
    kind: "tracker",
    name: "mlflow",
    description: "Sends settings and figures to an MLflow server",
    options,
    permissions: ({ uri }) => [
      ...connects(uri ?? defaultUri()),
      ...(uri === null ? variables("MLFLOW_TRACKING_URI") : []),
      ...loginPermissions(),
    ],
    create: (o: MlflowOptions): Tracker => new MlflowTracker(o),
  });

/** Figures that wait for a server at most; the oldest go. */
const MOST_WAITING = 100_000;
/** Longest pause between two attempts, in seconds. */
const LONGEST_PAUSE = 60;
/** Longest value of a parameter. */
const MOST_CHARACTERS = 6000;
const STATUS = {
  done: "FINISHED",
  interrupted: "KILLED",
  failed: "FAILED",
} as const;

/** As MLflow's own client has it. */
function defaultUri(): string {
  return environmentVariable("MLFLOW_TRACKING_URI") ?? "http://127.0.0.1:5000";
}

class MlflowTracker implements Tracker {
  readonly #options: MlflowOptions;
  #client: MlflowClient | null = null;
  #runId: string | null = null;
  #params: readonly Entry[] = [];
  #waiting: Metric[] = [];
  #dropped = 0;
  #failure: unknown = null;
  #status: (typeof STATUS)[keyof typeof STATUS] = "KILLED";
  readonly #over = new AbortController();
  #closing = false;
  #began = 0;
  #wake: () => void = () => {};
  #sending: Promise<void> = Promise.resolve();

  constructor(options: MlflowOptions) {
    this.#options = options;
  }

  start(context: TrackerContext): void {
    const uri = this.#options.uri ?? defaultUri();
    if (!isHttp(uri)) {
      throw new ConfigError(
        `mlflow speaks to servers by http or https, and MLFLOW_TRACKING_URI is ${
          JSON.stringify(uri)
        }; set \`uri\``,
      );
    }
    mustMayConnect(uri, "mlflow");
    this.#client = new MlflowClient(uri, this.#options.seconds);
    this.#began = performance.now();
    this.#params = Object.entries(flatSettings(context.settings))
      .map(([key, value]) => ({
        key: allowed(key),
        value: cut(String(value)),
      }));
    this.#sending = this.#send(this.#client, context);
  }

  event(event: TrackerEvent): void {
    for (const [name, value] of Object.entries(figuresOf(event))) {
      this.#waiting.push({
        key: allowed(name),
        value,
        timestamp: Date.now(),
        step: event.step,
      });
    }
    const beyond = this.#waiting.length - MOST_WAITING;
    if (beyond > 0) {
      this.#waiting.splice(0, beyond);
      this.#dropped += beyond;
    }
    if (event.event === "end") this.#status = STATUS[event.status];
  }

  /** Throws, for the run to say it, when something could not be sent. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#wake();
    // a server that is away is given a hundredth of the run's time, not as long again
    const ran = (performance.now() - this.#began) / 1000;
    const patience = this.#failure === null
      ? this.#options.seconds
      : Math.min(0.01 * ran, this.#options.seconds);
    const timer = setTimeout(() => this.#over.abort(), patience * 1000);
    await this.#sending;
    clearTimeout(timer);
    const lost = this.#waiting.length + this.#dropped;
    if (this.#failure === null) return;
    const reason = this.#failure instanceof Error
      ? this.#failure.message
      : String(this.#failure);
    throw new Error(`${lost} figures were not sent to MLflow: ${reason}`, {
      cause: this.#failure,
    });
  }

  /** Sends until the run is over and nothing waits; never throws. */
  async #send(client: MlflowClient, context: TrackerContext): Promise<void> {
    const { signal } = this.#over;
    for (let pause = this.#options.every;;) {
      // read before: what comes while a request is on its way must be sent too
      const last = this.#closing;
      try {
        await this.#sendAll(client, context, signal);
        if (last) await client.end(this.#runId!, this.#status, signal);
        this.#failure = null;
        pause = this.#options.every;
      } catch (error) {
        if (this.#failure === null || !signal.aborted) this.#failure = error;
        pause = Math.min(LONGEST_PAUSE, 2 * pause);
      }
      if (last) return;
      if (!this.#closing) await this.#pause(pause);
    }
  }

  async #sendAll(
    client: MlflowClient,
    context: TrackerContext,
    signal: AbortSignal,
  ): Promise<void> {
    const runId = this.#runId ??= await this.#open(client, context, signal);
    if (this.#params.length > 0) {
      await client.params(runId, this.#params, signal);
      this.#params = [];
    }
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, MOST_METRICS);
      await client.metrics(runId, batch, signal);
      // those in front may have been dropped meanwhile
      const sent = new Set(batch);
      this.#waiting = this.#waiting.filter((metric) => !sent.has(metric));
    }
  }

  async #open(
    client: MlflowClient,
    { outputDir, resumedAt }: TrackerContext,
    signal: AbortSignal,
  ): Promise<string> {
    const path = join(outputDir, "mlflow.json");
    if (resumedAt > 0) {
      const earlier = readRunId(path);
      if (earlier !== null && await client.takesUp(earlier, signal)) {
        this.#params = []; // they are there
        return earlier;
      }
    }
    const experiment = await client.experiment(
      this.#options.experiment,
      signal,
    );
    const runId = await client.create({
      experiment,
      name: this.#options.name ?? basename(outputDir),
      tags: [{ key: "mlflow.source.name", value: "denotune" }],
    }, signal);
    Deno.writeTextFileSync(path, `${JSON.stringify({ run_id: runId })}\n`);
    return runId;
  }

  #pause(seconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function readRunId(path: string): string | null {
  try {
    const { run_id } = JSON.parse(Deno.readTextFileSync(path));
    return typeof run_id === "string" && /^\w+$/.test(run_id) ? run_id : null;
  } catch {
    return null; // never written, or not whole: a new run then
  }
}

/** Names may have letters, digits and `_-. /` there. */
function allowed(name: string): string {
  return name.replaceAll(/[^\w\-. /]/g, "_").slice(0, 250);
}

function cut(value: string): string {
  return value.length <= MOST_CHARACTERS
    ? value
    : `${value.slice(0, MOST_CHARACTERS - 1)}…`;
}
