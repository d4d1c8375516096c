/**
 * Requests to the Hub: tries again what may pass, follows redirects without handing the token to others,
 * notices connections that fell silent.
 * @module
 */
import { DataError } from "../../contracts/errors.ts";
import type { HubAccess } from "./access.ts";
import { Budget } from "./budget.ts";
import {
  type Asked,
  boundedText,
  failureOf,
  Passing,
  thrownFailure,
} from "./failures.ts";

const MAX_REDIRECTS = 10;
const MAX_API_BYTES = 64 * 2 ** 20;

/** One request. */
export interface HubRequest {
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly asked: Asked;
  /** Statuses besides 2xx that are no failure. */
  readonly accept?: readonly number[];
}

/** Does `work` until it succeeds, fails for good, or has used up the budget. */
export async function withRetries<T>(
  budget: Budget,
  access: HubAccess,
  work: () => Promise<T>,
): Promise<T> {
  for (;;) {
    access.signal?.throwIfAborted();
    budget.begin();
    try {
      return await work();
    } catch (error) {
      const failure = thrownFailure(error, access);
      if (!(failure instanceof Passing)) throw failure;
      await budget.wait(failure);
    }
  }
}

/**
 * One request, not tried again. The body of the answer must be read or cancelled; `alive` must be called
 * for each piece of it, `done` at its end.
 */
export async function open(
  request: HubRequest,
  access: HubAccess,
  budget: Budget,
): Promise<{ response: Response; alive: () => void; done: () => void }> {
  const silence = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = () => {
    clearTimeout(timer);
    const ms = budget.silenceMs;
    timer = setTimeout(
      () => silence.abort(new Passing(`sent nothing for ${Math.round(ms)} ms`)),
      ms,
    );
  };
  const done = () => clearTimeout(timer);
  alive();
  try {
    const signal = access.signal === undefined
      ? silence.signal
      : AbortSignal.any([access.signal, silence.signal]);
    const response = await follow(request, access, signal);
    if (!response.ok && !request.accept?.includes(response.status)) {
      throw await failureOf(response, request.asked, access);
    }
    return { response, alive, done };
  } catch (error) {
    done();
    throw error;
  }
}

async function follow(
  request: HubRequest,
  access: HubAccess,
  signal: AbortSignal,
): Promise<Response> {
  let url = new URL(request.url);
  const home = new URL(access.endpoint).origin;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const headers = new Headers(request.headers);
    headers.set("user-agent", "denotune");
    // a token is for the Hub alone: what it redirects to carries its own signature
    if (access.token !== null && url.origin === home) {
      headers.set("authorization", `Bearer ${access.token}`);
    }
    const response = await fetch(url, {
      method: request.method ?? "GET",
      headers,
      body: request.body,
      redirect: "manual",
      signal,
    });
    const to = response.headers.get("location");
    if (![301, 302, 303, 307, 308].includes(response.status) || to === null) {
      return response;
    }
    await response.body?.cancel();
    const next = new URL(to, url);
    const isWeaker = url.protocol === "https:" && next.protocol !== "https:";
    if (isWeaker || !/^https?:$/.test(next.protocol)) {
      throw new DataError(
        `Cannot read the ${request.asked.repository}: ${url.origin} redirects to ${next.protocol}//${next.host}, which is not safe`,
      );
    }
    url = next;
  }
  throw new Passing(`redirects more than ${MAX_REDIRECTS} times`);
}

/** The `fetch` that the Hub's package gets: whole answers, tried again, with the token. */
export function apiFetch(asked: Asked, access: HubAccess): typeof fetch {
  return async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const budget = new Budget(`list the ${asked.repository}`, access);
    const { text, response } = await withRetries(
      budget,
      access,
      async () => {
        const { response, done } = await open(
          {
            url,
            method: init?.method,
            headers: Object.fromEntries(new Headers(init?.headers)),
            body: typeof init?.body === "string" ? init.body : undefined,
            asked,
          },
          access,
          budget,
        );
        try {
          const text = await boundedText(response, MAX_API_BYTES);
          try {
            JSON.parse(text);
          } catch {
            throw new Passing("answered something other than JSON");
          }
          return { text, response };
        } finally {
          done();
        }
      },
    );
    return new Response(text, {
      status: response.status,
      headers: response.headers,
    });
  };
}
