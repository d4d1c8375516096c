/**
 * Weights that are read while programs are compiled: where something else fails meanwhile, its error is reported, and
 * nothing is written any more when the memory of the weights is given back.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { z } from "zod";
import { cpu } from "../../../../backends/cpu/mod.ts";
import { reference } from "../../../../backends/reference/backend.ts";
import { loadRun } from "../../../../core/config/load.ts";
import type { RunInput } from "../../../../core/config/types.ts";
import type { Registry } from "../../../../core/contracts/registry.ts";
import { callbackTracker } from "../../../../core/run/callback_tracker.ts";
import { trainRun } from "../../../../core/run/run.ts";
import { definePart, definePlugin, type Device } from "@denotune/denotune/core";
import {
  builtinRegistry,
  runConfig,
  testFolder,
  TINY_LLAMA,
  tinyRows,
  tinyRun,
} from "../../../run_harness.ts";

/** What happens to a device. */
interface Watched {
  /** Names of calls, in order. */
  readonly log: string[];
  /** Called before memory is allocated: the run is planned, and nothing is read yet. */
  beforeMemory?(): void;
  /** What `compile` waits for; what it throws is what the device says. */
  compile?(log: readonly string[]): Promise<void>;
}

/** A device whose writes, frees and end are noted. */
function watching(
  device: Device,
  { log, beforeMemory, compile }: Watched,
): Device {
  return new Proxy(device, {
    get(target, name) {
      const member = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      const own = member.bind(target);
      if (name === "compile" && compile !== undefined) {
        return async (...given: unknown[]) => {
          await compile(log);
          return await own(...given);
        };
      }
      if (name === "write" || name === "free" || name === "allocate") {
        return (...given: unknown[]) => {
          if (name === "allocate") beforeMemory?.();
          log.push(name);
          return own(...given);
        };
      }
      if (name === Symbol.asyncDispose) {
        return async () => {
          await own();
          log.push("closed");
        };
      }
      return own;
    },
  });
}

/** `reference` and `cpu` as backends that are watched. */
function watched(watch: Watched): Registry {
  const registry = builtinRegistry();
  const parts = Object.entries({ reference, cpu }).map(([name, part]) =>
    definePart({
      kind: "backend",
      name: `watched-${name}`,
      description: "Notes what happens to its devices",
      options: z.strictObject({}),
      async create(_, host) {
        const options = await part.options["~standard"].validate({});
        assert.ok(options.issues === undefined);
        const backend = await part.create(options.value as never, host);
        return {
          available: () => backend.available(),
          open: async () => watching(await backend.open(), watch),
        };
      },
    })
  );
  registry.add(definePlugin({ name: "watched", api: 1, parts }), "inline");
  return registry;
}

const MANY = { from_config: { ...TINY_LLAMA, num_hidden_layers: 6 } };

/** Trains with a watched device; `folder` gets the run. */
async function train(
  folder: string,
  { watch, backend = "watched-reference", model = MANY, onStart }: {
    readonly watch: Watched;
    readonly backend?: string;
    readonly model?: RunInput["model"];
    onStart?(): void;
  },
): Promise<void> {
  const run = await loadRun({
    object: tinyRun(folder, {
      backend,
      model,
      trackers: [],
      data: { train: [{ rows: tinyRows(8), format: "alpaca" }] },
      training: { max_steps: 1 },
    }),
    registry: watched(watch),
  });
  await trainRun(run, {
    trackers: [callbackTracker(({ event }) => {
      if (event === "start") onStart?.();
    })],
  });
}

const until = async (is: () => boolean) => {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 1));
};

/** Nothing is written once memory is given back, nor later. */
async function assertStopped(log: readonly string[]): Promise<void> {
  const ended = log.length;
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(log.length, ended, log.slice(ended).join());
  const freed = log.indexOf("free");
  const given = freed < 0 ? log.indexOf("closed") : freed;
  assert.ok(given >= 0, log.join());
  assert.ok(!log.slice(given).includes("write"), log.slice(given).join());
}

const writes = (log: readonly string[]) =>
  log.filter((call) => call === "write").length;

Deno.test("a compile that fails while weights are written is what the run says, and no weights come after it", async () => {
  using folder = testFolder();
  const whole: string[] = [];
  await train(folder.at("whole"), { watch: { log: whole } });
  const log: string[] = [];
  const compile = async (log: readonly string[]) => {
    await until(() => writes(log) >= 5);
    throw new Error("no such instruction");
  };
  await assert.rejects(
    train(folder.at("failed"), { watch: { log, compile } }),
    /no such instruction/,
  );
  await assertStopped(log);
  const count = writes(log);
  assert.ok(count >= 5 && count < writes(whole) / 2, `${count}`);
  assert.ok(!existsSync(folder.at("failed", "config.resolved.yaml")));
});

Deno.test("a run that fails after its programs are compiled stops its weights before their memory is given back", async () => {
  using folder = testFolder();
  const log: string[] = [];
  await assert.rejects(
    train(folder.at("run"), {
      watch: { log },
      onStart: () => {
        throw new Error("nobody listens");
      },
    }),
    /nobody listens/,
  );
  await assertStopped(log);
});

Deno.test("a compile that fails while files are read into the device's memory is what the run says", async () => {
  using folder = testFolder();
  await runConfig(tinyRun(folder.at("first"), {
    model: MANY,
    data: { train: [{ rows: tinyRows(8), format: "alpaca" }] },
    training: { max_steps: 1 },
  }));
  const log: string[] = [];
  await assert.rejects(
    train(folder.at("failed"), {
      watch: { log, compile: () => Promise.reject(new Error("no memory")) },
      backend: "watched-cpu",
      model: { path: folder.at("first") },
    }),
    /no memory/,
  );
  await assertStopped(log);
});

Deno.test("weights that cannot be read are what the run says, once its programs are compiled", async () => {
  using folder = testFolder();
  await runConfig(tinyRun(folder.at("first"), {
    model: MANY,
    data: { train: [{ rows: tinyRows(8), format: "alpaca" }] },
    training: { max_steps: 1 },
  }));
  const file = folder.at("first", "model.safetensors");
  for (const backend of ["watched-cpu", "watched-reference"]) {
    const log: string[] = [];
    const bytes = Deno.statSync(file).size;
    await assert.rejects(
      train(folder.at(backend), {
        watch: {
          log,
          beforeMemory: () => Deno.truncateSync(file, bytes - 4000),
        },
        backend,
        model: { path: folder.at("first") },
      }),
      /became shorter while it was read/,
    );
    await assertStopped(log);
    Deno.truncateSync(file, bytes);
  }
});
