/**
 * The device that is opened while a run is planned: what is wrong with the plan is reported, and the device is closed.
 */
import assert from "node:assert/strict";
import { loadRun } from "../../../../core/config/load.ts";
import type { Registry } from "../../../../core/contracts/registry.ts";
import { trainRun } from "../../../../core/run/run.ts";
import { reference } from "../../../../backends/reference/backend.ts";
import {
  builtinRegistry,
  testFolder,
  tinyRows,
  tinyRun,
} from "../../../run_harness.ts";
import { definePart, definePlugin } from "@denotune/denotune/core";
import { z } from "zod";

/** The reference backend under a name of its own; `log` has what happens to its devices. */
function watched(log: string[], fails = false): Registry {
  const registry = builtinRegistry();
  registry.add(
    definePlugin({
      name: "watched",
      api: 1,
      parts: [
        definePart({
          kind: "backend",
          name: "watched",
          description: "Notes when its devices are opened and closed",
          options: z.strictObject({}),
          async create(_, host) {
            const backend = await reference.create({
              memory_gb: 1,
              profile: false,
            }, host);
            return {
              available: () => backend.available(),
              async open() {
                log.push("open");
                if (fails) throw new Error("the device cannot be opened");
                const device = await backend.open();
                const close = device[Symbol.asyncDispose].bind(device);
                device[Symbol.asyncDispose] = async () => {
                  await close();
                  log.push("closed");
                };
                return device;
              },
            };
          },
        }),
      ],
    }),
    "inline",
  );
  return registry;
}

/** Settings that are found wrong when the run is planned. */
const WRONG = {
  load_best_model_at_end: true,
  eval_steps: 1,
  metric_for_best_model: "no_such_metric",
};

async function train(
  log: string[],
  { settings = {}, fails }: {
    readonly settings?: Readonly<Record<string, unknown>>;
    readonly fails?: boolean;
  } = {},
): Promise<void> {
  using folder = testFolder();
  const run = await loadRun({
    object: tinyRun(folder.at("run"), {
      backend: "watched",
      trackers: [],
      data: {
        train: [{ rows: tinyRows(8), format: "alpaca" }],
        eval: [{ rows: tinyRows(4, 2), format: "alpaca" }],
      },
      training: { max_steps: 1, ...settings },
    }),
    registry: watched(log, fails),
  });
  await trainRun(run);
}

Deno.test("a device is opened once for a run, and closed after it", async () => {
  const log: string[] = [];
  await train(log);
  assert.deepEqual(log, ["open", "closed"]);
});

Deno.test("what is wrong with a run's plan is reported, and the device that was opened meanwhile is closed", async () => {
  const log: string[] = [];
  await assert.rejects(
    train(log, {
      settings: WRONG,
    }),
    /no_such_metric/,
  );
  assert.deepEqual(log, ["open", "closed"]);
  // where the device cannot be opened either, the settings are reported all the same
  await assert.rejects(
    train([], {
      fails: true,
      settings: WRONG,
    }),
    /no_such_metric/,
  );
});

Deno.test("a device that cannot be opened is reported once the plan is found right", async () => {
  const log: string[] = [];
  await assert.rejects(train(log, { fails: true }), /cannot be opened/);
  assert.deepEqual(log, ["open"]);
});
