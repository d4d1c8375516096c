/**
 * MLflow: against its own server and client with DENOTUNE_TEST_ALL=1, else against a server of our own.
 */
import assert from "node:assert/strict";
import {
  mlflow,
  type MlflowOptions,
} from "../../../../plugins/trackers/mlflow/mlflow.ts";
import { exampleEvents, testTracker } from "../../../conformance/tracker.ts";
import { ALL, feed, inFolder, pythonJson, steps } from "../_run.ts";

const DEFAULTS: MlflowOptions = {
  uri: null,
  experiment: "tests",
  name: null,
  every: 0.05,
  seconds: 2,
};
const make = (uri: string, more: Partial<MlflowOptions> = {}) =>
  Promise.resolve(
    mlflow.create({ ...DEFAULTS, uri, ...more }, undefined as never),
  );

interface Call {
  readonly path: string;
  readonly body: {
    metrics?: { key: string; step: number; value: number }[];
    params?: unknown[];
    status?: string;
  };
}

/** A server that keeps what it is sent; `fails` answers for it. */
function serve(fails: () => Response | Promise<Response> | null = () => null) {
  const calls: Call[] = [];
  const server = Deno.serve({
    port: 0,
    hostname: "127.0.0.1",
    onListen: () => {},
  }, async (request) => {
    const path = new URL(request.url).pathname.replace("/api/2.0/mlflow/", "");
    const text = await request.text();
    const failure = await fails();
    if (failure !== null) return failure;
    calls.push({ path, body: text === "" ? {} : JSON.parse(text) });
    if (path === "experiments/get-by-name") {
      return Response.json({ error_code: "RESOURCE_DOES_NOT_EXIST" }, {
        status: 404,
      });
    }
    if (path === "experiments/create") {
      return Response.json({ experiment_id: "7" });
    }
    if (path === "runs/create") {
      return Response.json({ run: { info: { run_id: "abc" } } });
    }
    return Response.json({});
  });
  const metrics = () => calls.flatMap(({ body }) => body.metrics ?? []);
  return {
    calls,
    metrics,
    uri: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const quiet = serve();
testTracker("mlflow", () => make(quiet.uri));
Deno.test("the server of the suite is closed", async () =>
  await quiet[Symbol.asyncDispose]());

Deno.test("all figures are sent once, and settings, and how it ended", () =>
  inFolder(async (folder) => {
    await using server = serve();
    await feed(await make(server.uri), folder, {
      events: [...steps(1, 300), exampleEvents().at(-1)!],
    });
    const losses = server.metrics().filter(({ key }) => key === "train/loss");
    assert.deepEqual(
      losses.map(({ step }) => step),
      Array.from({ length: 300 }, (_, i) => i + 1),
    );
    assert.ok(
      server.calls.every(({ body }) => (body.metrics?.length ?? 0) <= 1000),
    );
    assert.ok(
      server.metrics().some(({ key }) => key === "train/loss_of/a__b__.jsonl"),
    );
    assert.equal(server.calls.at(-1)?.body.status, "FINISHED");
    assert.equal(
      Deno.readTextFileSync(`${folder}/mlflow.json`),
      '{"run_id":"abc"}\n',
    );
    await feed(await make(server.uri), folder, {
      events: steps(301, 302),
      resumedAt: 300,
    });
    assert.equal(
      server.calls.filter(({ path }) => path === "runs/create").length,
      1,
      "the same run goes on",
    );
  }));

Deno.test("a server that is away is tried again, and nothing is lost", () =>
  inFolder(async (folder) => {
    let answers = 0;
    await using server = serve(() =>
      ++answers <= 3 ? new Response("down", { status: 503 }) : null
    );
    const tracker = await make(server.uri);
    await tracker.start({
      outputDir: folder,
      totalSteps: 10,
      resumedAt: 0,
      settings: {},
    });
    for (const event of steps(1, 20)) tracker.event(event);
    while (answers <= 3) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await tracker.close();
    assert.equal(
      server.metrics().filter(({ key }) => key === "train/loss").length,
      20,
    );
  }));

Deno.test("a server that hangs holds up the end by the seconds that are set, and what was not sent is said", () =>
  inFolder(async (folder) => {
    const held: (() => void)[] = [];
    await using server = serve(() =>
      new Promise((resolve) => held.push(() => resolve(new Response("late"))))
    );
    const tracker = await make(server.uri, { seconds: 0.3 });
    const began = performance.now();
    await assert.rejects(
      feed(tracker, folder, { events: steps(1, 5) }),
      /\d+ figures were not sent to MLflow: .*did not answer within 0\.3 s/,
    );
    assert.ok(performance.now() - began < 60_000);
    held.forEach((release) => release());
  }));

Deno.test("a server that hung while the run trained costs a hundredth of its time at the end", () =>
  inFolder(async (folder) => {
    const held: (() => void)[] = [];
    await using server = serve(() =>
      new Promise((resolve) => held.push(() => resolve(new Response("late"))))
    );
    try {
      const tracker = await make(server.uri, { seconds: 0.2 });
      await tracker.start({
        outputDir: folder,
        totalSteps: 10,
        resumedAt: 0,
        settings: {},
      });
      const began = performance.now();
      while (performance.now() - began < 1500) {
        for (const event of steps(1, 100)) {
          tracker.event(event);
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await assert.rejects(
        Promise.resolve(tracker.close()),
        /figures were not sent to MLflow/,
      );
    } finally {
      held.forEach((release) => release());
    }
  }));

Deno.test("an address that is no server's is refused before training", async () => {
  await assert.rejects(
    async () => await feed(await make("sqlite:///x.db"), "/", { events: [] }),
    { name: "ConfigError", message: /http or https/ },
  );
});

const READ = `
import sys, json, mlflow
from mlflow.tracking import MlflowClient
c = MlflowClient(sys.argv[1]); e = c.get_experiment_by_name("tests"); [r] = c.search_runs([e.experiment_id])
h = lambda k: sorted([m.step, m.value] for m in c.get_metric_history(r.info.run_id, k))
print(json.dumps({"loss": h("train/loss"), "eval": h("eval/loss"), "status": r.info.status, "params": r.data.params, "name": r.info.run_name}))
`;

Deno.test({
  name: "MLflow's client reads every step from a real server",
  ignore: !ALL,
  sanitizeResources: false,
  fn: () =>
    inFolder(async (folder) => {
      const port = 5000 + Deno.pid % 1000;
      const uri = `http://127.0.0.1:${port}`;
      await using _server = new Deno.Command("mlflow", {
        args: [
          "server",
          "--port",
          String(port),
          "--workers",
          "1",
          "--backend-store-uri",
          `sqlite:///${folder}/db`,
        ],
        stdout: "null",
        stderr: "null",
        cwd: folder,
      }).spawn();
      for (let tries = 0;; tries++) {
        try {
          await (await fetch(`${uri}/health`)).text();
          break;
        } catch (error) {
          if (tries > 600) throw error;
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
      }
      const run = `${folder}/capitals`;
      Deno.mkdirSync(run);
      await feed(await make(uri, { seconds: 60 }), run, {
        events: steps(1, 1500),
        killed: false,
      });
      await feed(await make(uri, { seconds: 60 }), run, {
        events: [...steps(1501, 2000), ...exampleEvents().slice(-7)],
        resumedAt: 1500,
      });
      const read = await pythonJson(READ, uri) as Record<string, unknown>;
      const expected = steps(1, 2000).map((
        e,
      ) => [e.step, e.event === "step" ? e.loss : null]);
      assert.deepEqual(read.loss, expected);
      assert.deepEqual([read.status, read.name], ["FINISHED", "capitals"]);
      assert.equal(
        (read.params as Record<string, string>)["optimizer.learning_rate"],
        "0.00005",
      );
    }),
});
