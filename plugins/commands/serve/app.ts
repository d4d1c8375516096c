/**
 * The server's routes, not yet listening.
 * @module
 */
import { zValidator } from "@hono/zod-validator";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import type { z } from "zod";
import { type Access, access } from "./access.ts";
import { ApiError } from "./api_error.ts";
import { chatCompletions } from "./chat_route.ts";
import { completions } from "./completion_route.ts";
import { chatPage } from "./page/chat_page.ts";
import {
  chatSchema,
  completionSchema,
  describeIssue,
} from "./request_schema.ts";
import { apiError, type Exchange, type Serving } from "./serving.ts";

/** What the app is made of. */
export interface AppOptions {
  readonly serving: Serving;
  readonly access: Access;
  /** Bytes of a request's body at most. */
  readonly maxBody: number;
  /** Receives a line for each request. */
  log(line: string): void;
}

/** Values that a request carries from one handler to the next. */
interface Carried {
  Variables: { exchange: Exchange };
}

/** Routes by path: those that the log and the metrics name. */
const ROUTES: ReadonlySet<string> = new Set([
  "/v1/models",
  "/v1/chat/completions",
  "/v1/completions",
  "/health",
  "/metrics",
  "/",
]);

/** Makes the app. */
export function serveApp(options: AppOptions): Hono<Carried> {
  const { serving } = options;
  const { model, models, admission, metrics } = serving;
  const app = new Hono<Carried>();
  app.use(async (c, next) => {
    const exchange = exchangeOf(c, options);
    c.set("exchange", exchange);
    await next();
    c.res.headers.set("x-content-type-options", "nosniff");
    if (!exchange.isStream) exchange.finish(c.res.status);
  });
  app.use(access(options.access));
  app.use(bodyLimit({
    maxSize: options.maxBody,
    onError: () => {
      throw new ApiError(
        413,
        `The body is larger than ${options.maxBody} bytes (--max-body)`,
        { code: "body_too_large" },
      );
    },
  }));

  const html = chatPage();
  app.get("/", (c) => c.html(html));
  app.get(
    "/health",
    (c) =>
      admission.isClosed
        ? c.json({ status: "ending" }, 503)
        : c.json({ status: "ok" }),
  );
  app.get("/metrics", (c) =>
    c.text(
      metrics.text(admission),
      200,
      { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
    ));
  const modelBody = (id: string) => ({
    id,
    object: "model",
    created: serving.created,
    owned_by: "denotune",
    max_model_len: model.contextLength,
  });
  app.get(
    "/v1/models",
    (c) => c.json({ object: "list", data: [...models.keys()].map(modelBody) }),
  );
  app.get("/v1/models/:id{.+}", (c) => {
    const id = c.req.param("id");
    if (models.has(id)) return c.json(modelBody(id));
    throw new ApiError(404, `There is no model ${JSON.stringify(id)}`, {
      param: "model",
      code: "model_not_found",
    });
  });
  app.post(
    "/v1/chat/completions",
    needsJson,
    checked(chatSchema),
    (c) => chatCompletions(c.req.valid("json"), c.get("exchange"), serving),
  );
  app.post(
    "/v1/completions",
    needsJson,
    checked(completionSchema),
    (c) => completions(c.req.valid("json"), c.get("exchange"), serving),
  );
  app.all("*", (c) => {
    if (ROUTES.has(c.req.path)) {
      throw new ApiError(
        405,
        `${c.req.path} does not take ${c.req.method}`,
      );
    }
    throw new ApiError(
      404,
      "There is no such path; this server has /v1/models, /v1/chat/completions, /v1/completions, /health and /metrics",
    );
  });
  app.onError((reason, c) => {
    const error = reason instanceof HTTPException
      ? new ApiError(400, `The body is not JSON: ${reason.message}`)
      : apiError(reason);
    // nobody reads the answer to a hang-up: 499 is for the log
    if (error.status === 499) c.get("exchange").finish(499);
    if (error.retryAfter !== null) {
      c.header("retry-after", String(error.retryAfter));
    }
    return c.body(JSON.stringify(error.body), {
      status: error.status === 499 ? 400 : error.status,
      headers: { "content-type": "application/json" },
    });
  });
  return app;
}

/** Checks a body, and says what is wrong with it. */
function checked<S extends z.ZodType>(schema: S) {
  return zValidator("json", schema, (result) => {
    if (result.success) return;
    const { message, param } = describeIssue(result.error.issues[0]);
    throw new ApiError(400, message, { param });
  });
}

/** What programs send that name no type: nothing, and what `curl -d` says by itself. */
const UNNAMED = /^(application\/x-www-form-urlencoded)?$/i;

/**
 * Refuses what says that it is no JSON. Any page could send a body without a type, or a form, to this machine; browsers
 * name the page that does, and programs, whose body is taken as JSON, name none.
 */
async function needsJson(c: Context, next: () => Promise<void>): Promise<void> {
  const type = c.req.header("content-type") ?? "";
  const isOfPage = ["origin", "sec-fetch-site"].some((name) =>
    c.req.header(name) !== undefined
  );
  if (!isOfPage && UNNAMED.test(type)) {
    const headers = new Headers(c.req.raw.headers);
    headers.set("content-type", "application/json");
    c.req.raw = new Request(c.req.raw, { headers });
  } else if (!/^application\/([\w.-]+\+)?json\b/i.test(type)) {
    throw new ApiError(
      415,
      "Send the request as JSON, with the header `Content-Type: application/json`",
    );
  }
  await next();
}

/** What is counted and logged of a request. */
function exchangeOf(
  c: Context,
  { serving: { metrics }, log }: AppOptions,
): Exchange & { readonly isStream: boolean } {
  const start = performance.now();
  const { method, path } = c.req;
  const route = ROUTES.has(path) ? path : "other";
  let isStream = false;
  let began = false;
  let isDone = false;
  let [prompt, written] = [0, 0];
  const seconds = () => (performance.now() - start) / 1000;
  return {
    get client() {
      return c.req.raw.signal;
    },
    get isStream() {
      return isStream;
    },
    begin() {
      if (!began) metrics.firstToken(seconds());
      began = true;
    },
    count(tokens) {
      metrics.tokens(tokens);
      prompt += tokens.prompt;
      written += tokens.written;
    },
    streams() {
      isStream = true;
    },
    finish(status) {
      if (isDone) return;
      isDone = true;
      metrics.request({ route, status, seconds: seconds() });
      const tokens = prompt > 0 ? `  ${prompt} + ${written} tokens` : "";
      log(
        `${new Date().toISOString()}  ${method} ${
          route === "other" ? JSON.stringify(path.slice(0, 100)) : path
        }  ${status}  ${seconds().toFixed(3)} s${tokens}`,
      );
    },
  };
}
