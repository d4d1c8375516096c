/**
 * What a run needs of MLflow's REST API (2.0).
 * @module
 */
import { environmentVariable, variables } from "@denotune/denotune/core";
import { AnswerError, send } from "../_http.ts";

/** A figure at a step. */
export interface Metric {
  readonly key: string;
  readonly value: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly step: number;
}

/** A name and a text. */
export interface Entry {
  readonly key: string;
  readonly value: string;
}

/** Most entries of a request, by the server's own limits. */
export const MOST_METRICS = 1000;
const MOST_PARAMS = 100;

/** Speaks to one server. */
export class MlflowClient {
  readonly #base: string;
  readonly #seconds: number;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(uri: string, seconds: number) {
    this.#base = `${uri.replace(/\/+$/, "")}/api/2.0/mlflow`;
    this.#seconds = seconds;
    this.#headers = authorization();
  }

  /** The id of an experiment; made where it is not there. */
  async experiment(name: string, signal: AbortSignal): Promise<string> {
    const known = async () => {
      const query = new URLSearchParams({ experiment_name: name });
      const { experiment } = await this.#call(
        "GET",
        `experiments/get-by-name?${query}`,
        undefined,
        signal,
      );
      return text(experiment, "experiment_id");
    };
    try {
      return await known();
    } catch (error) {
      if (!isCode(error, "RESOURCE_DOES_NOT_EXIST")) throw error;
    }
    try {
      return text(
        await this.#call("POST", "experiments/create", { name }, signal),
        "experiment_id",
      );
    } catch (error) {
      if (!isCode(error, "RESOURCE_ALREADY_EXISTS")) throw error;
      return await known(); // another run was quicker
    }
  }

  /** The id of a new run. */
  async create(
    run: {
      readonly experiment: string;
      readonly name: string;
      readonly tags: readonly Entry[];
    },
    signal: AbortSignal,
  ): Promise<string> {
    const answer = await this.#call("POST", "runs/create", {
      experiment_id: run.experiment,
      run_name: run.name,
      start_time: Date.now(),
      tags: run.tags,
    }, signal);
    return text(dig(answer.run, "info"), "run_id");
  }

  /** Whether the server has a run, and takes more of it. */
  async takesUp(runId: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#call("POST", "runs/update", {
        run_id: runId,
        status: "RUNNING",
      }, signal);
      return true;
    } catch (error) {
      if (
        error instanceof AnswerError && error.status >= 400 &&
        error.status < 500
      ) return false;
      throw error;
    }
  }

  /** Settings; those that are there with the same value are left as they are. */
  async params(
    runId: string,
    params: readonly Entry[],
    signal: AbortSignal,
  ): Promise<void> {
    for (let at = 0; at < params.length; at += MOST_PARAMS) {
      await this.#call("POST", "runs/log-batch", {
        run_id: runId,
        params: params.slice(at, at + MOST_PARAMS),
      }, signal);
    }
  }

  /** Figures, at most {@linkcode MOST_METRICS}. */
  async metrics(
    runId: string,
    metrics: readonly Metric[],
    signal: AbortSignal,
  ): Promise<void> {
    await this.#call(
      "POST",
      "runs/log-batch",
      { run_id: runId, metrics },
      signal,
    );
  }

  /** How it ended. */
  async end(
    runId: string,
    status: "FINISHED" | "FAILED" | "KILLED",
    signal: AbortSignal,
  ): Promise<void> {
    await this.#call("POST", "runs/update", {
      run_id: runId,
      status,
      end_time: Date.now(),
    }, signal);
  }

  async #call(
    method: "GET" | "POST",
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<Record<string, unknown>> {
    const answer = await send({
      method,
      url: `${this.#base}/${path}`,
      headers: this.#headers,
      body,
      seconds: this.#seconds,
      signal,
    });
    const data: unknown = JSON.parse(answer === "" ? "{}" : answer);
    return isObject(data) ? data : {};
  }
}

const [TOKEN, USER, PASSWORD] = ["TOKEN", "USERNAME", "PASSWORD"].map((name) =>
  `MLFLOW_TRACKING_${name}`
);

/** The variables of the login, as permissions. */
export function loginPermissions(): string[] {
  return variables(TOKEN, USER, PASSWORD);
}

/** As MLflow's own client takes it from the environment. */
function authorization(): Record<string, string> {
  const token = environmentVariable(TOKEN);
  if (token !== undefined) return { authorization: `Bearer ${token}` };
  const user = environmentVariable(USER);
  const password = environmentVariable(PASSWORD);
  if (user === undefined || password === undefined) return {};
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return { authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof AnswerError && error.body.includes(code);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function dig(value: unknown, key: string): unknown {
  return isObject(value) ? value[key] : undefined;
}

function text(value: unknown, key: string): string {
  const found = dig(value, key);
  if (typeof found !== "string") {
    throw new TypeError(`the server sent no ${key}`);
  }
  return found;
}
