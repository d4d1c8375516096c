/**
 * What the page's buttons do: a file in the run folder that the run finds, or a command that is started. The guard has
 * let through only the page itself, with the token.
 * @module
 */
import {
  PROMPTS_FILE,
  runState,
  STOP_FILE,
  writeFileAtomic,
} from "@denotune/denotune/core";
import type { Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import type { Jobs } from "./jobs.ts";
import type { RunStore, StoredRun } from "./run_store.ts";

const MOST_BODY = 2 ** 20;
/** What a resumed run writes besides its events: why it did not start. */
const RESUME_LOG = "resume.log";

const ofRun = z.strictObject({ name: z.string() });
const prompts = ofRun.extend({
  prompts: z.array(z.string().max(20_000)).max(64),
});

/** What the actions work with. */
export interface ActionContext {
  readonly store: RunStore;
  readonly jobs: Jobs;
  /** Folder for reports, made when it is first asked for. */
  temporary(): string;
}

/** Adds the actions to the server. */
export function addActions(app: Hono, of: ActionContext): void {
  const { jobs, temporary } = of;
  app.use("/api/*", bodyLimit({ maxSize: MOST_BODY }));
  action(app, "/api/stop", { of, schema: ofRun }, (run) => {
    const { state } = runState(run.path, run.log);
    if (state !== "running" && state !== "preparing") {
      return `${run.name} does not run`;
    }
    writeFileAtomic(join(run.path, STOP_FILE), "");
    return null;
  });
  action(app, "/api/prompts", { of, schema: prompts }, (run, given) => {
    const asked = given.prompts.filter((prompt) => prompt.trim() !== "");
    if (asked.length === 0) return "Write at least one prompt";
    writeFileAtomic(
      join(run.path, PROMPTS_FILE),
      JSON.stringify(asked, null, 2) + "\n",
    );
    return null;
  });
  action(app, "/api/resume", { of, schema: ofRun }, (run) => {
    const { state } = runState(run.path, run.log);
    if (state !== "stopped" && state !== "failed") {
      return `${run.name} is ${state}: there is nothing to resume`;
    }
    jobs.start(
      `resume ${run.name}`,
      ["train", settingsFile(run), `output_dir=${JSON.stringify(run.path)}`],
      join(run.path, RESUME_LOG),
    );
    return null;
  });
  action(app, "/api/data-report", { of, schema: ofRun }, (run) => {
    const page = reportPath(temporary(), run);
    jobs.start(
      `report ${run.name}`,
      ["analyze", settingsFile(run), "--html", page],
      `${page}.log`,
    );
    return null;
  });
}

/** The file of a run's data report, made by this server. */
export function reportPath(temporary: string, { name }: StoredRun): string {
  const key = createHash("sha256").update(name).digest("hex").slice(0, 16);
  return join(temporary, `data-${key}.html`);
}

function settingsFile({ path }: StoredRun): string {
  return join(path, "config.resolved.yaml");
}

/** One action: `act` returns what keeps it from being done, or null. */
function action<T extends { name: string }>(
  app: Hono,
  path: string,
  { of, schema }: { readonly of: ActionContext; readonly schema: z.ZodType<T> },
  act: (run: StoredRun, given: T) => string | null,
): void {
  app.post(path, async (c: Context) => {
    const given = schema.safeParse(await c.req.json().catch(() => null));
    if (!given.success) return c.json({ error: "The request is broken" }, 400);
    const run = await of.store.open(given.data.name);
    if (run === undefined) {
      return c.json({ error: "There is no such run in the folder" }, 404);
    }
    const refused = act(run, given.data);
    return refused === null
      ? c.json({ done: true })
      : c.json({ error: refused }, 409);
  });
}
