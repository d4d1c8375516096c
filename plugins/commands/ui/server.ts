/**
 * The page's server: what it shows, as JSON, and what is new, as server-sent events. It reads run folders and nothing
 * else; a run never waits for it.
 * @module
 */
import { namingPermissions, smoothed, thinned } from "@denotune/denotune/core";
import { type Context, Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { CLIENT_STYLE } from "./client_style.ts";
import { clientPage, clientScript } from "./client_page.ts";
import { addActions, reportPath } from "./actions.ts";
import { guard } from "./guard.ts";
import type { Jobs } from "./jobs.ts";
import { readBatch } from "./read_batch.ts";
import { LiveCursor } from "./live.ts";
import {
  askedPrompts,
  settingsOf,
  type StoredRun,
  summaryOf,
} from "./run_store.ts";
import type { RunStore } from "./run_store.ts";

/** What the server works with. */
export interface UiServer {
  readonly store: RunStore;
  /** What a write must bring. */
  readonly token: string;
  /** uPlot's script and style; null: the package is not at hand. */
  readonly charts: { readonly script: string; readonly style: string } | null;
  /** Commands that its buttons start. */
  readonly jobs: Jobs;
  /** Folder for reports, made when it is first asked for. */
  temporary(): string;
  /** Ends what is sent by itself. */
  readonly signal: AbortSignal;
}

/** Milliseconds between two looks at the files, while a page is open. */
const TICK_MS = 800;
/** Points of a curve: two for each of these. */
const MOST_BUCKETS = 2000;
const MOST_RUNS = 200;

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The app, not yet listening. */
export function uiApp(of: UiServer): Hono {
  const { store, token, charts, jobs, temporary, signal } = of;
  const app = new Hono();
  app.use(guard(token));
  app.get(
    "/",
    (c) => c.html(clientPage(), 200, { "content-security-policy": POLICY }),
  );
  const script = clientScript();
  app.get("/app.js", (c) => c.body(script, 200, JAVASCRIPT));
  app.get("/app.css", (c) => c.body(CLIENT_STYLE, 200, CSS));
  app.get("/charts.js", (c) => c.body(charts?.script ?? "", 200, JAVASCRIPT));
  app.get("/charts.css", (c) => c.body(charts?.style ?? "", 200, CSS));

  app.get("/api/runs", async (c) => {
    await store.refresh();
    return c.json({ folder: store.folder, runs: await store.summaries() });
  });
  app.get("/api/run", (c) =>
    withRun(c, store, async (run) =>
      c.json({
        summary: await summaryOf(run),
        version: run.log.version,
        steps: run.log.steps.length,
        settings: await settingsOf(run),
        columns: run.log.columns,
        resumed: jobs.state(`resume ${run.name}`),
        report: jobs.state(`report ${run.name}`),
        prompts: askedPrompts(run),
        unreadable: run.log.unreadable,
        entries: run.log.entries(),
      })));
  app.get(
    "/api/curves",
    (c) => withRun(c, store, (run) => c.json(curvesOf(run, c))),
  );
  app.get("/api/columns", async (c) => {
    await store.refresh();
    const columns = new Set(
      (c.req.queries("name") ?? []).slice(0, MOST_RUNS).flatMap((name) =>
        store.get(name)?.log.columns ?? []
      ),
    );
    return c.json({ columns: [...columns].filter((name) => name !== "time") });
  });
  app.get("/api/overlay", async (c) => {
    await store.refresh();
    const names = c.req.queries("name") ?? [];
    const found = names.slice(0, MOST_RUNS).flatMap((name) =>
      store.get(name) ?? []
    );
    const runs = await Promise.all(found.map(async (run) => ({
      name: run.name,
      settings: await settingsOf(run),
      curves: curvesOf(run, c),
    })));
    return c.json({ runs });
  });
  app.get("/api/live", (c) => {
    const count = (name: string) =>
      bounded(c.req.query(name), { least: 0, most: 1e15 }) ?? 0;
    const known = {
      name: c.req.query("name") ?? null,
      version: count("version"),
      steps: count("steps"),
      entries: count("entries"),
    };
    return streamSSE(c, async (stream) => {
      const cursor = new LiveCursor(store, known);
      while (!stream.aborted && !stream.closed && !signal.aborted) {
        await store.refresh();
        for (const { event, data } of await cursor.news()) {
          await stream.writeSSE({ event, data: JSON.stringify(data) });
        }
        await stream.sleep(TICK_MS);
      }
    });
  });
  app.get(
    "/api/batch",
    (c) => withRun(c, store, (run) => c.json({ batch: readBatch(run.path) })),
  );
  app.get("/data-report", (c) =>
    withRun(c, store, async (run) => {
      try {
        const page = await Deno.readTextFile(reportPath(temporary(), run));
        return c.html(page); // its own policy forbids what it does not need
      } catch {
        return c.json({ error: "The report is not made yet" }, 404);
      }
    }));
  addActions(app, { store, jobs, temporary });
  app.notFound((c) => c.json({ error: "There is no such page" }, 404));
  app.onError((error, c) =>
    c.json({ error: namingPermissions(error.message) }, 500)
  );
  return app;
}

const JAVASCRIPT = { "content-type": "text/javascript; charset=utf-8" };
const CSS = { "content-type": "text/css; charset=utf-8" };

const MISSING =
  "There is no such run in the folder. One that is being prepared is shown as soon as it begins to train.";

async function withRun(
  c: Context,
  store: RunStore,
  body: (run: StoredRun) => Response | Promise<Response>,
): Promise<Response> {
  const run = await store.open(c.req.query("name") ?? "");
  return run === undefined ? c.json({ error: MISSING }, 404) : await body(run);
}

/** The curves that a query asks for: `column` several times, `name~` for the smoothed one. */
function curvesOf({ log }: StoredRun, c: Context) {
  const names = c.req.queries("column") ?? [];
  const weight = bounded(c.req.query("smooth"), { least: 0, most: 0.999 }) ?? 0;
  const columns = names.slice(0, 130).map((name) => {
    const isSmoothed = name.endsWith("~") && log.column(name) === null;
    const column = log.column(isSmoothed ? name.slice(0, -1) : name);
    if (column === null) return [];
    return isSmoothed ? smoothed(column, weight) : column;
  });
  const { steps, columns: values } = thinned(log.steps, columns, {
    from: bounded(c.req.query("from"), { least: 0, most: 1e15 }),
    to: bounded(c.req.query("to"), { least: 0, most: 1e15 }),
    buckets:
      bounded(c.req.query("buckets"), { least: 1, most: MOST_BUCKETS }) ??
        500,
  });
  return {
    version: log.version,
    count: log.steps.length,
    steps,
    columns: names.slice(0, 130).map((name, i) => ({
      name,
      values: values[i],
    })),
  };
}

function bounded(
  text: string | undefined,
  { least, most }: { readonly least: number; readonly most: number },
): number | undefined {
  const value = Number(text);
  return text === undefined || !Number.isFinite(value)
    ? undefined
    : Math.min(most, Math.max(least, value));
}
