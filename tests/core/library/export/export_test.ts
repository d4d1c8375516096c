/** Exporting: nothing wrong and nothing half-written is kept, whatever is exported and whatever goes wrong. */
import assert from "node:assert/strict";
import { exportModel } from "@denotune/denotune";
import { join } from "node:path";
import { z } from "zod";
import { DataError } from "../../../../core/contracts/errors.ts";
import type { Exporter } from "../../../../core/contracts/exporter.ts";
import { choose, definePart } from "../../../../core/contracts/plugin.ts";
import { huggingface } from "../../../../plugins/exporters/mod.ts";
import { exportableRun } from "../../../exported_run.ts";
import { type TestFolder, testFolder } from "../../../run_harness.ts";

const backend = "reference";

/** `huggingface`, but for what is given. */
function exporterWith(over: (own: Exporter) => Partial<Exporter>) {
  return choose(
    definePart({
      kind: "exporter",
      name: "changed",
      description: "huggingface, changed",
      options: z.strictObject({}),
      async create(_, host) {
        const own = await host.create("exporter", choose(huggingface, {}));
        return { ...own, ...over(own) };
      },
    }),
    {},
  );
}

const names = (path: string) =>
  [...Deno.readDirSync(path)].map(({ name }) => name).sort();

Deno.test("a run, its checkpoints, an adapter and an exported folder are exported", async () => {
  using folder = testFolder();
  const training = {
    batch_size: 4,
    eval_steps: 2,
    save_steps: 2,
    max_steps: 4,
  };
  const trained = await exportableRun(folder, { training });
  const adapter = await exportableRun(folder, {
    name: "adapter",
    model: { path: trained },
    adapter: { use: "lora", r: 2 },
    training,
  });
  const exported: string[] = [];
  for (
    const source of [
      trained,
      join(trained, "checkpoint-2"),
      adapter,
      join(adapter, "checkpoint-2"),
    ]
  ) {
    const result = await exportModel(source, { to: "huggingface", backend });
    assert.deepEqual(result.report.faults, []);
    assert.ok(result.passed);
    assert.equal(result.path, join(source, "huggingface"));
    assert.equal(result.report.answers?.from, "the training data");
    assert.equal(
      result.report.model,
      source.startsWith(adapter) ? "adapter" : "run",
    );
    assert.ok(names(result.path).includes("export.json"));
    exported.push(result.path);
  }
  // what was exported is a saved model itself, without a run's data
  const notices: string[] = [];
  const again = await exportModel(exported[0], {
    to: choose(huggingface, { quantization: "f16" }),
    output: folder.at("again"),
    backend,
    onNotice: (message) => notices.push(message),
  });
  assert.ok(again.passed, again.report.faults.join("\n"));
  assert.match(
    again.report.answers?.from ?? "",
    /the training data|a built-in list/,
  );
});

async function withRun(
  body: (trained: string, folder: TestFolder) => Promise<void>,
): Promise<void> {
  using folder = testFolder();
  await body(await exportableRun(folder), folder);
}

Deno.test("an exporter that writes something else is found out, and nothing is kept", () =>
  withRun(async (trained, folder) => {
    const before = names(folder.path);
    const spoilt = exporterWith((own) => ({
      write: (request) =>
        own.write({
          ...request,
          model: {
            ...request.model,
            tensors: request.model.tensors.map((tensor, i) =>
              i !== 3 ? tensor : {
                ...tensor,
                read: async (start, count) =>
                  (await tensor.read(start, count)).map((v) => v * 1.001),
              }
            ),
          },
        }),
    }));
    const { passed, report } = await exportModel(trained, {
      to: spoilt,
      output: folder.at("out"),
      backend,
    });
    assert.equal(passed, false);
    assert.equal(report.faults.length, 1);
    assert.match(report.faults[0], /^tensor model\.layers\.0\./);
    assert.deepEqual(names(folder.path), before);
  }));

Deno.test("wrong answers are found out where weights and text are as trained", () =>
  withRun(async (trained, folder) => {
    // it says that a weight may be off by as much as it is
    const lax = exporterWith((own) => ({
      storageError: () => ({ block: 1, relative: 0, absolute: 100 }),
      async read(request) {
        const back = await own.read(request);
        return {
          ...back,
          tensors: back.tensors.map((tensor) =>
            tensor.name !== "model.norm.weight" ? tensor : {
              ...tensor,
              read: async (start, count) =>
                (await tensor.read(start, count)).map((v) => 3 * v),
            }
          ),
        };
      },
    }));
    const { passed, report } = await exportModel(trained, {
      to: lax,
      output: folder.at("out"),
      backend,
    });
    assert.equal(passed, false);
    assert.match(report.faults[0], /^the log-probabilities of the file differ/);
  }));

Deno.test("a client that answers otherwise is a fault, one that agrees is reported", () =>
  withRun(async (trained, folder) => {
    const asked: number[] = [];
    const client = (answers: (ids: readonly number[]) => number[]) =>
      exporterWith(() => ({
        client: (_, prompts) => {
          asked.push(...prompts.map((p) => p.maxNewTokens));
          return Promise.resolve({
            client: "a client 1.0",
            answers: prompts.map((p) => answers(p.ids)),
          });
        },
      }));
    const wrong = await exportModel(trained, {
      to: client(() => [1, 2, 3]),
      output: folder.at("out"),
      backend,
    });
    assert.equal(wrong.passed, false);
    assert.match(wrong.report.faults[0], /^a client 1\.0 answers prompt 1/);
    assert.ok(asked.length > 0 && asked.every((n) => n === 32));
    assert.equal(wrong.report.client?.equal_answers, 0);
    const approximate = await exportModel(trained, {
      to: exporterWith(() => ({
        client: (_, prompts) =>
          Promise.resolve({
            client: "a client 1.0",
            answers: prompts.map(() => [1]),
            approximate: true,
          }),
      })),
      output: folder.at("rounded"),
      backend,
    });
    assert.deepEqual(approximate.report.faults, []);
    assert.equal(approximate.report.client?.equal_answers, 0);
    const ended = await exportModel(trained, {
      to: exporterWith(() => ({
        client: () => Promise.reject(new DataError("a client 1.0 ended")),
      })),
      output: folder.at("out"),
      backend,
    });
    assert.equal(ended.passed, false);
    assert.deepEqual(ended.report.faults, ["a client 1.0 ended"]);
  }));

Deno.test("a full disk, an interrupt and an existing folder leave nothing half-written", () =>
  withRun(async (trained, folder) => {
    const before = names(folder.path);
    const full = exporterWith((own) => ({
      async write(request) {
        await own.write(request);
        throw Object.assign(new Error("No space left on device"), {
          code: "ENOSPC",
        });
      },
    }));
    const output = folder.at("out");
    await assert.rejects(
      exportModel(trained, { to: full, output, backend }),
      /DeviceError.*the disk is full|Cannot write .*out: the disk is full/,
    );
    assert.deepEqual(names(folder.path), before);

    const stop = new AbortController();
    const stopped = exporterWith((own) => ({
      async write(request) {
        const files = await own.write(request);
        stop.abort(new Error("stopped"));
        return files;
      },
    }));
    await assert.rejects(
      exportModel(trained, {
        to: stopped,
        output,
        backend,
        signal: stop.signal,
      }),
      /stopped/,
    );
    assert.deepEqual(names(folder.path), before);

    const plain = { to: "huggingface", output, backend };
    assert.ok((await exportModel(trained, plain)).passed);
    await assert.rejects(
      exportModel(trained, plain),
      /an export is there already; replace it with --force/,
    );
    assert.ok((await exportModel(trained, { ...plain, force: true })).passed);
    await assert.rejects(
      exportModel(trained, { ...plain, output: trained, force: true }),
      /the model itself is there/,
    );
    await assert.rejects(
      exportModel(trained, {
        ...plain,
        output: folder.at("tokenizer"),
        force: true,
      }),
      /something of that name, which is no export/,
    );
    assert.deepEqual(names(folder.path), [...before, "out"].sort());
  }));

Deno.test("figures that an exporter writes into its file do not change what was compared", () =>
  withRun(async (trained, folder) => {
    const clumsy = exporterWith(() => ({
      annotate: async ({ folder }) =>
        await Deno.writeTextFile(join(folder, "generation_config.json"), "{}"),
    }));
    const { passed, report } = await exportModel(trained, {
      to: clumsy,
      output: folder.at("out"),
      backend,
    });
    assert.equal(passed, false);
    assert.match(report.faults[0], /stop token 257 .* is missing in the file/);
  }));

Deno.test("an exporter of adapters wants one", () =>
  withRun(async (trained) => {
    const adapters = exporterWith(() => ({ writes: "adapter" as const }));
    await assert.rejects(
      exportModel(trained, { to: adapters, backend }),
      /There is no adapter in .*choose an exporter of whole models/,
    );
  }));
