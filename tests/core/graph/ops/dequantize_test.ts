import { localDevice } from "../../../../core/device/local_device.ts";
import { Session } from "../../../../core/engine/session.ts";
import { Memory } from "../../../../core/graph/memory.ts";
import { planProgram } from "../../../../core/graph/planner.ts";
import { quantized } from "../../../../core/graph/quantize/dequantize.ts";
import { dequantized } from "../../../../core/graph/ops/dequantize.ts";
import { selectRows } from "../../../../core/graph/ops/embedding.ts";
import assert from "node:assert/strict";
import { ReferenceExecutor } from "../../../../backends/reference/mod.ts";
import {
  dequantize,
  Graph,
  matmul,
  QUANTIZATIONS,
  randomFrom,
} from "../../../../core/mod.ts";

for (const format of QUANTIZATIONS) {
  Deno.test(`the numbers of ${format} matrices are read in a graph and by the host`, async () => {
    const [rows, columns] = [6, 75];
    const shape = { format, rows, columns } as const;
    const random = randomFrom(3);
    const values = Float32Array.from(
      { length: rows * columns },
      () => random.normal(),
    );
    const bytes = quantized(shape, values);
    const expected = dequantize(shape, bytes);
    const device = localDevice(new ReferenceExecutor());
    const memory = new Memory(device.info);
    memory.variable("w", [rows, columns], { role: "weights", dtype: format });
    const graph = new Graph();
    const w = graph.variable("w", [rows, columns], format);
    graph.output("wide", dequantized(graph, w));
    const program = planProgram(graph, { name: "p", memory, capacities: {} });
    await using session = await Session.open(device, memory, [program]);
    session.writeWords("w", bytes.subarray(0, 64));
    session.writeWords("w", bytes.subarray(64), 64);
    session.run("p", {});
    assert.deepEqual(await session.output("p", "wide", {}), expected);
    assert.deepEqual(await session.read("w"), expected);
    assert.deepEqual(
      await session.read("w", { start: 100, count: 9 }),
      expected.slice(100, 109),
    );
    assert.throws(() => session.write("w", values), /write its words/);
    assert.throws(() => session.writeWords("w", bytes, 4), /has \d+ bytes/);
  });

  Deno.test(`${format} matrices are refused where plain numbers are read`, () => {
    const graph = new Graph();
    const w = graph.variable("w", [8, 64], format);
    assert.throws(
      () => matmul(graph, w, graph.variable("x", [64, 2]), { layout: "NN" }),
      /first factor is stored as/,
    );
    graph.output("rows", selectRows(graph, w, graph.input("ids", [2], "i32")));
    const memory = new Memory({ alignment: 4, maxBufferBytes: 2 ** 20 });
    memory.variable("w", [8, 64], { role: "weights", dtype: format });
    assert.throws(
      () => planProgram(graph, { name: "p", memory, capacities: {} }),
      /cannot read input 0, which is stored as/,
    );
    assert.throws(
      () => memory.variable("v", [64], { role: "weights", dtype: format }),
      /Only matrices/,
    );
  });
}
