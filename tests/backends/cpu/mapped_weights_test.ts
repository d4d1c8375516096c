/** Weights that are read into the memory of a device are those that would be sent to it. */
import assert from "node:assert/strict";
import { Session } from "../../../core/engine/session.ts";
import { Graph } from "../../../core/graph/graph.ts";
import { elementwise } from "../../../core/graph/ops/elementwise.ts";
import { Memory } from "../../../core/graph/memory.ts";
import { planProgram } from "../../../core/graph/planner.ts";
import {
  loadTensors,
  type WeightSink,
} from "../../../core/io/weights/load_weights.ts";
import {
  SafetensorsFile,
  type Storage,
  type StoredTensor,
} from "../../../core/io/read_safetensors.ts";
import {
  tensorOf,
  writeSafetensors,
} from "../../../core/io/write_safetensors.ts";
import { randomFrom } from "../../../core/random.ts";
import { normals } from "../../graph_harness.ts";
import { testFolder } from "../../run_harness.ts";
import { openCpu } from "./open.ts";

const STORED = ["F32", "BF16", "F16"] as const;
const STORAGES: readonly Storage[] = ["f32", "bf16", "f16"];

Deno.test("weights of any type are read into the device's memory as they would be sent", async () => {
  using folder = testFolder();
  using files = new DisposableStack();
  const random = randomFrom(5);
  const tensors = new Map<string, StoredTensor>();
  for (const dtype of STORED) {
    const path = folder.at(`${dtype}.safetensors`);
    const shapes = Array.from({ length: 12 }, (_, i) => [
      1 + Math.floor(random.next() * 40),
      // one of more than a chunk
      i === 0 ? 150_000 : 1 + Math.floor(random.next() * 300),
    ]);
    await writeSafetensors(
      path,
      shapes.map(([rows, columns], i) =>
        tensorOf(
          `${dtype}.${i}`,
          [rows, columns],
          normals(rows * columns, random),
        )
      ),
      { dtype },
    );
    const file = files.use(new SafetensorsFile(path));
    for (const [name, tensor] of file.tensors) tensors.set(name, tensor);
  }
  const storages = new Map(
    [...tensors.keys()].map((name) => [name, {
      dtype: STORAGES[Math.floor(random.next() * 3)],
      transposed: random.next() < 0.2,
    }]),
  );
  await using device = await openCpu({ workers: 2, blas: "off" });
  const read = async (isMapped: boolean) => {
    const memory = new Memory(device.info);
    for (const [name, options] of storages) {
      const shape = tensors.get(name)!.shape;
      memory.variable(name, shape, { role: "weights", ...options });
    }
    await using session = await Session.open(device, memory, []);
    let into = 0;
    const sink: WeightSink = {
      dtypeOf: (name) => storages.get(name)!.dtype,
      memoryOf: (name) => {
        const found = isMapped ? session.memoryOf(name) : null;
        if (found !== null) into++;
        return found;
      },
      sink: ({ name, start, data }) => session.write(name, data, start),
    };
    await loadTensors(tensors, sink);
    const values = new Map<string, Float32Array>();
    for (const name of tensors.keys()) {
      values.set(name, await session.read(name));
    }
    return { into, values };
  };
  const sent = await read(false);
  const mapped = await read(true);
  assert.equal(sent.into, 0);
  assert.equal(
    mapped.into,
    [...storages.values()].filter(({ transposed }) => !transposed).length,
  );
  assert.deepEqual(mapped.values, sent.values);
  for (const [name, tensor] of tensors) {
    if (storages.get(name)!.dtype !== "f32") continue;
    assert.deepEqual(mapped.values.get(name), tensor.read());
  }
});

Deno.test("a device's memory is filled before the first run, and not where a write is on its way", async () => {
  await using device = await openCpu({ workers: 2, blas: "off" });
  const memory = new Memory(device.info);
  for (const name of ["a", "b"]) {
    memory.variable(name, [3], { role: "weights" });
  }
  const graph = new Graph();
  const [a, b] = ["a", "b"].map((name) => graph.variable(name, [3]));
  graph.output("sum", elementwise(graph, [a, b], (x, y) => x.add(y)));
  const program = planProgram(graph, { name: "p", memory, capacities: {} });
  await using session = await Session.open(device, memory, [program]);
  session.memoryOf("a")?.set([1, 2, 3]);
  session.write("b", Float32Array.of(10, 20, 30));
  assert.equal(session.memoryOf("b"), null);
  session.run("p", {});
  assert.deepEqual([...await session.output("p", "sum", {})], [11, 22, 33]);
  assert.equal(session.memoryOf("a"), null);
});

Deno.test("weights stop on their way when they are aborted", async () => {
  using folder = testFolder();
  const path = folder.at("x.safetensors");
  await writeSafetensors(path, [
    tensorOf("a", [100], new Float32Array(100)),
    tensorOf("b", [100], new Float32Array(100)),
  ], { dtype: "F32" });
  using file = new SafetensorsFile(path);
  const stop = new AbortController();
  const seen: string[] = [];
  const loading = loadTensors(file.tensors, {
    dtypeOf: () => "f32",
    sink: async ({ name }) => {
      seen.push(name);
      await new Promise((resolve) => setTimeout(resolve, 40));
      stop.abort(new Error("stopped"));
    },
  }, stop.signal);
  await assert.rejects(loading, { message: "stopped" });
  assert.deepEqual(seen, ["a"]);
});
