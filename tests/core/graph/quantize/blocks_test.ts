/** Storage in blocks against bitsandbytes: its two maps, and its codes of 2,048 numbers each. */
import assert from "node:assert/strict";
import { Graph } from "../../../../core/graph/graph.ts";
import {
  BLOCK,
  type BlockStorage,
  fitsBlocks,
  fromBlocks,
  toBlocks,
} from "../../../../core/graph/quantize/blocks.ts";
import golden from "../../../golden/block_states.json" with { type: "json" };
import { hashed } from "../../../golden/_hashed.ts";
import { openSession } from "../../../graph_harness.ts";

const MAPS: readonly [BlockStorage, "signed" | "unsigned"][] = [
  ["dynamic-int8", "signed"],
  ["dynamic-uint8", "unsigned"],
];

/** Stores numbers in blocks and reads them back. */
async function through(
  values: Float32Array,
  storage: BlockStorage,
  keep = 1,
): Promise<{ codes: Float32Array; absmax: Float32Array; read: Float32Array }> {
  const shape = [values.length / BLOCK, BLOCK];
  const graph = new Graph();
  const blocks = {
    codes: graph.variable("codes", shape, "i8"),
    absmax: graph.variable("absmax", [shape[0]]),
  };
  const next = toBlocks(graph, graph.variable("x", shape), {
    before: blocks,
    keep: graph.variable("keep", [1]),
    storage,
  });
  graph.assign(blocks.codes, next.codes);
  graph.assign(blocks.absmax, next.absmax);
  const reading = new Graph();
  reading.output(
    "x",
    fromBlocks(reading, {
      codes: reading.variable("codes", shape, "i8"),
      absmax: reading.variable("absmax", [shape[0]]),
    }, storage),
  );
  await using session = await openSession([
    { name: "store", graph, capacities: {} },
    { name: "read", graph: reading, capacities: {} },
  ], {
    x: { shape, data: values },
    keep: { shape: [1], data: Float32Array.of(keep) },
    codes: { shape, dtype: "i8" },
    absmax: { shape: [shape[0]] },
  });
  session.run("store", {});
  session.run("read", {});
  const read = await session.output("read", "x", {});
  return {
    codes: await session.read("codes"),
    absmax: await session.read("absmax"),
    read: Float32Array.from(read),
  };
}

for (const [storage, name] of MAPS) {
  Deno.test(`${storage} has the numbers of bitsandbytes' map, and each is its own nearest`, async () => {
    const map = golden.maps[name];
    const { codes, read } = await through(Float32Array.from(map), storage);
    map.forEach((value, code) => {
      assert.equal(codes[code], code - 128);
      assert.ok(Math.abs(read[code] - value) <= 1e-6 * Math.abs(value));
    });
  });

  Deno.test(`${storage} gives 2,048 numbers the codes and scales of bitsandbytes`, async () => {
    const wanted = golden.codes[name];
    const values = hashed(5, 2048).map((v) => {
      const x = v ** 5;
      return name === "signed" ? x : Math.abs(x);
    });
    const { codes, absmax } = await through(values, storage);
    const ofTheirs = Uint8Array.from(
      wanted.codes.match(/../g) ?? [],
      (digits) => parseInt(digits, 16),
    );
    const other = ofTheirs.filter((code, i) => codes[i] + 128 !== code).length;
    // halfway between two numbers float32 may decide either way
    assert.ok(other <= 2, `${other} other codes`);
    absmax.forEach((a, i) => assert.equal(a, Math.fround(wanted.absmax[i])));
  });

  Deno.test(`${storage} reads zeros from zeroed memory, stores zeros, and keeps blocks code for code`, async () => {
    const zeros = await through(new Float32Array(512), storage);
    assert.ok(zeros.read.every((v) => v === 0));
    const kept = await through(new Float32Array(512).fill(1), storage, 0);
    assert.ok(kept.codes.every((code) => code === 0));
    assert.ok(kept.absmax.every((a) => a === 0));
  });
}

Deno.test("only tensors of a multiple of 256 elements are stored in blocks", () => {
  assert.ok(fitsBlocks([64, 80]) && fitsBlocks([256]));
  assert.ok(!fitsBlocks([255]) && !fitsBlocks([10, 10]));
});
