/**
 * Matrices in panels: what of an engine is stored so, that files are written and read as before, and that answers are
 * those of the reference. The witness of the layout is a plain form, number by number.
 */
import assert from "node:assert/strict";
import { ReferenceExecutor } from "../../../../backends/reference/mod.ts";
import { localDevice } from "../../../../core/device/local_device.ts";
import {
  numbersOfPanels,
  type PanelMatrix,
  panelsOf,
  PanelWrites,
  readPanels,
} from "../../../../core/engine/memory/panels.ts";
import { randomFrom } from "../../../../core/mod.ts";
import { openCpu } from "../../../backends/cpu/open.ts";
import { tinyBases } from "../../../conformance/adapter.ts";
import { answers, openAnswering } from "./_answers.ts";
import { asking, inPanels, PANELS, readsPanelsHere } from "./_panels.ts";

/** Element of memory that holds a number of a matrix, as the contract says it. */
function placeOf(
  { rows, columns, panelRows }: PanelMatrix,
  row: number,
  column: number,
): number {
  const panel = Math.floor(row / panelRows);
  const own = Math.min(panelRows, rows - panel * panelRows);
  return panel * panelRows * columns + column * own + row % panelRows;
}

Deno.test("matrices of any size become panels and numbers again, also in parts", async () => {
  const random = randomFrom(6);
  const upTo = (most: number) => 1 + random.below(most);
  for (let round = 0; round < 400; round++) {
    const matrix: PanelMatrix = {
      rows: upTo(70),
      columns: upTo(40),
      panelRows: upTo(20),
      byColumns: round % 2 === 0,
    };
    const { rows, columns, byColumns } = matrix;
    const length = rows * columns;
    const data = new Float32Array(length).map((_, i) => i);
    const wanted = new Float32Array(length);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        wanted[placeOf(matrix, r, c)] =
          data[byColumns ? c * rows + r : r * columns + c];
      }
    }
    assert.deepEqual(panelsOf(data, matrix), wanted);
    assert.deepEqual(numbersOfPanels(wanted, matrix), data);
    const start = random.below(length);
    const n = random.below(length - start + 1);
    const read = (from: number, count: number) =>
      Promise.resolve(wanted.slice(from, from + count));
    assert.deepEqual(
      await readPanels(matrix, { start, n, read }),
      data.slice(start, start + n),
    );
    if (byColumns) continue;
    const writes = new PanelWrites();
    const memory = new Float32Array(length).fill(-1);
    const part = upTo(length);
    for (let from = 0; from < length; from += part) {
      const own = data.slice(from, from + part);
      const found = writes.add({ name: "w", matrix, start: from, data: own });
      memory.set(found.values, found.start);
      assert.equal(writes.unfinished.length, from + part < length ? 1 : 0);
    }
    assert.deepEqual(memory, wanted);
  }
});

const BASES = tinyBases();
const HERE = await readsPanelsHere();

for (const base of Object.keys(BASES) as (keyof typeof BASES)[]) {
  Deno.test({
    name:
      `answers of ${base} with its matrices in panels are those of the reference, with any number of workers`,
    ignore: !HERE,
    fn: async () => {
      const reference = localDevice(new ReferenceExecutor());
      await using wanted = await openAnswering(reference, BASES[base]);
      const expected = await answers(wanted);
      assert.deepEqual(inPanels(wanted), []);
      const bits: (readonly number[])[] = [];
      for (const workers of [1, 2]) {
        await using device = await openCpu({ workers });
        await using engine = await openAnswering(
          asking(device, PANELS),
          BASES[base],
        );
        assert.ok(inPanels(engine).length > 1, inPanels(engine).join());
        const found = await answers(engine);
        assert.deepEqual(found.ids, expected.ids);
        bits.push(found.scores);
        // sums of 16 to 64 terms in float32 instead of float64
        for (const [i, score] of found.scores.entries()) {
          assert.ok(Math.abs(score - expected.scores[i]) < 2e-5);
        }
        for (const name of inPanels(engine)) {
          const data = BASES[base].weights.get(name);
          if (data === undefined) continue; // of the adapter
          const { session } = engine;
          assert.deepEqual(await session.read(name), data, name);
          assert.deepEqual(
            await session.read(name, { start: 77, count: 200 }),
            data.slice(77, 277),
          );
          const other = data.map((v) => v + 1);
          for (let start = 0; start < other.length; start += 300) {
            session.write(name, other.slice(start, start + 300), start);
          }
          assert.deepEqual(await session.read(name), other);
          session.write(name, data.slice(0, 5));
          assert.throws(
            () => session.run("decode", { B: 1, T: 1 }),
            new RegExp(`decode: ${name} was written in part`),
          );
          assert.throws(
            () => session.write(name, data.slice(6, 9), 6),
            /must be written in order; 5 elements are there, given 3 from 6/,
          );
          session.write(name, data);
        }
      }
      assert.deepEqual(bits[1], bits[0]);
    },
  });
}

Deno.test("a device that reads no panels refuses a plan with them", async () => {
  const reference = localDevice(new ReferenceExecutor());
  await assert.rejects(
    async () => {
      await using engine = await openAnswering(
        asking(reference, PANELS),
        BASES.gpt2,
      );
      await engine.session.idle();
    },
    /a view is in panels of 48 rows: the device reads none/,
  );
});
