/**
 * Tells a server that a run is over: one POST of JSON, whose `text` chat services show as it is.
 * @module
 */
import {
  ConfigError,
  definePart,
  type EndEvent,
  environmentVariable,
  type Part,
  type StartEvent,
  type Tracker,
  type TrackerEvent,
  variables,
  whyUnset,
} from "@denotune/denotune/core";
import { z } from "zod";
import { figuresOf } from "./_figures.ts";
import { connects, isHttp, mustMayConnect, send } from "./_http.ts";

/** Options of {@linkcode webhook}. */
export interface WebhookOptions {
  readonly url: string | null;
  readonly url_from: string;
  readonly authorization_from: string | null;
  readonly seconds: number;
}

const options: z.ZodType<WebhookOptions, Partial<WebhookOptions>> = z
  .strictObject({
    url: z.string().refine(isHttp, "must be an http or https address")
      .nullable()
      .default(null).describe(
        "Address to POST to; null: that of the environment variable `url_from`",
      ),
    url_from: z.string().default("DENOTUNE_WEBHOOK").describe(
      "Environment variable with the address: an address that is a secret does not belong into a run file",
    ),
    authorization_from: z.string().nullable().default(null).describe(
      "Environment variable whose value is sent as the header Authorization",
    ),
    seconds: z.number().positive().max(60).default(5).describe(
      "Seconds that the end of the run waits for the answer at most",
    ),
  });

/** The part `webhook`. */
export const webhook: Part<"tracker", Partial<WebhookOptions>, WebhookOptions> =
  definePart({
    kind: "tracker",
    name: "webhook",
    description: "Posts to a server when the run ends",
    options,
    permissions: ({ url, url_from, authorization_from }) => [
      ...connects(url ?? environmentVariable(url_from)),
      ...(url === null ? variables(url_from) : []),
      ...(authorization_from === null ? [] : variables(authorization_from)),
    ],
    create: (o: WebhookOptions): Tracker => new WebhookTracker(o),
  });

class WebhookTracker implements Tracker {
  readonly #options: WebhookOptions;
  #url = "";
  #start: StartEvent | null = null;
  #end: EndEvent | null = null;
  readonly #figures: Record<string, number> = {};

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  start(): void {
    const { url, url_from } = this.#options;
    this.#url = url ?? environmentVariable(url_from) ?? "";
    if (!isHttp(this.#url)) {
      throw new ConfigError(
        `webhook has no address: set \`url\`, or the environment variable ${url_from} to an http or https address${
          environmentVariable(url_from) === undefined
            ? `; ${url_from} ${whyUnset(url_from)}`
            : ""
        }`,
      );
    }
    mustMayConnect(this.#url, "webhook");
  }

  event(event: TrackerEvent): void {
    Object.assign(this.#figures, figuresOf(event));
    if (event.event === "start") this.#start = event;
    if (event.event === "end") this.#end = event;
  }

  async close(): Promise<void> {
    const start = this.#start, end = this.#end;
    if (end === null) return;
    const { authorization_from, seconds } = this.#options;
    const authorization = authorization_from === null
      ? undefined
      : environmentVariable(authorization_from);
    await send({
      method: "POST",
      url: this.#url,
      seconds,
      headers: authorization === undefined ? {} : { authorization },
      body: {
        text: sentence(start, end, this.#figures),
        status: end.status,
        error: end.error,
        path: end.path,
        output_dir: start?.output_dir ?? null,
        model: start?.model ?? null,
        steps: end.step,
        seconds: end.seconds,
        figures: this.#figures,
      },
    });
  }
}

function sentence(
  start: StartEvent | null,
  end: EndEvent,
  figures: Readonly<Record<string, number>>,
): string {
  const run = start === null ? "The run" : start.output_dir;
  const how = {
    done: "is done",
    interrupted: "was interrupted",
    failed: "failed",
  }[end.status];
  const loss = figures["eval/loss"] ?? figures["train/loss"];
  const kind = figures["eval/loss"] === undefined ? "loss" : "evaluation loss";
  const parts = [
    `${run} ${how} after ${end.step} steps and ${Math.round(end.seconds)} s`,
    ...(loss === undefined ? [] : [`${kind} ${loss.toFixed(4)}`]),
    ...(end.error === null ? [] : [end.error]),
  ];
  return parts.join(": ");
}
