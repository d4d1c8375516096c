/**
 * Requests of trackers: JSON, with a limit of time, and only to where the process may connect.
 * @module
 */
import { ConfigError, isGranted } from "@denotune/denotune/core";

/** A server that answered with an error. */
export class AnswerError extends Error {
  readonly status: number;
  readonly body: string;

  constructor(place: string, status: number, body: string) {
    super(`${place} answered ${status}: ${body.slice(0, 300).trim()}`);
    this.status = status;
    this.body = body;
  }
}

/** What a request needs. */
export interface JsonRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly seconds: number;
  readonly signal?: AbortSignal;
}

/** Sends it and gives the answer's text. Throws `AnswerError`, or the error of the connection. */
export async function send(request: JsonRequest): Promise<string> {
  const { method, url, headers, body, seconds } = request;
  const limit = AbortSignal.timeout(seconds * 1000);
  const signal = request.signal === undefined
    ? limit
    : AbortSignal.any([limit, request.signal]);
  const { host } = new URL(url);
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method,
      signal,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    text = await response.text();
  } catch (cause) {
    const failure = limit.aborted
      ? `did not answer within ${seconds} s`
      : `cannot be reached: ${cause instanceof Error ? cause.message : cause}`;
    throw new Error(`${host} ${failure}`, { cause });
  }
  if (!response.ok) throw new AnswerError(host, response.status, text);
  return text;
}

/** Refuses a server that the process may not connect to, before Deno would ask in the middle of the run. */
export function mustMayConnect(url: string, tracker: string): void {
  const { host } = new URL(url);
  if (!isGranted({ name: "net", host })) {
    throw new ConfigError(
      `The tracker ${tracker} may not connect to ${host}: run with --allow-net=${host}, or remove ${tracker} from \`trackers\``,
    );
  }
}

/** The permission to connect to an address; none where there is no address. */
export function connects(url: string | null | undefined): string[] {
  if (!url || !isHttp(url)) return [];
  const { host, port, protocol } = new URL(url);
  return [
    `net:${port === "" ? `${host}:${protocol === "http:" ? 80 : 443}` : host}`,
  ];
}

/** `http` or `https`, and nothing else. */
export function isHttp(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}
