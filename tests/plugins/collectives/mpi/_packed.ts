/**
 * One rank of a test: sums and gathers with and without packing; prints `same` where all bits are.
 *
 *     mpirun -n 3 deno run -A _packed.ts
 * @module
 */
import assert from "node:assert/strict";
import { createPart } from "../../../../mod.ts";
import { checkCollective } from "../../../conformance/collective.ts";

/** Numbers that are sent in two chunks, and fewer. */
const LENGTHS = [2_500_000, 30_001, 20_000, 13_000, 9_000, 100];

/** Words of this rank: of all kinds, or numbers that are near each other. */
function wordsFor(rank: number, array: number): Uint32Array {
  let state = 1000 * rank + array;
  return Uint32Array.from({ length: LENGTHS[array] }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const bits = (state ^ state >>> 15) >>> 0;
    return array % 3 === 1 ? bits : 0x3d000000 + (bits & 0x80ffffff) >>> 0;
  });
}

/** What this rank has after a gather and sums. */
async function resultsWith(
  compression: "none" | "lossless",
): Promise<{ gathered: Float32Array[]; summed: Float32Array[] }> {
  const collective = await createPart("collective", {
    use: "mpi",
    compression,
  });
  await checkCollective(collective);
  const { rank, world, sumsAtOnce = 1 } = collective;
  const gathered: Float32Array[] = [];
  const summed: Float32Array[] = [];
  const running: Promise<void>[] = [];
  for (const array of LENGTHS.keys()) {
    const words = wordsFor(rank, array);
    gathered.push(
      await collective.allGather(new Float32Array(words.buffer.slice(0))),
    );
    const values = new Float32Array(words.buffer);
    const ofAll = values.slice(0, values.length - values.length % world);
    summed.push(await collective.reduceScatter(ofAll), values);
    running.push(collective.sum(values, { gradients: true }));
    if (running.length === sumsAtOnce) await Promise.all(running.splice(0));
  }
  await Promise.all(running);
  await collective.close?.();
  return { gathered, summed };
}

const words = ({ buffer, byteOffset, length }: Float32Array) =>
  new Uint32Array(buffer, byteOffset, length);

/** Asserts equal words; which NaN a sum of two is depends on how it was compiled. */
function assertSame(
  found: readonly Float32Array[],
  wanted: readonly Float32Array[],
  anyNaN: boolean,
): void {
  assert.equal(found.length, wanted.length);
  for (const [i, values] of found.entries()) {
    assert.equal(values.length, wanted[i].length);
    const of = words(wanted[i]);
    const differs = words(values).findIndex((word, at) =>
      word !== of[at] &&
      !(anyNaN && Number.isNaN(values[at]) && Number.isNaN(wanted[i][at]))
    );
    assert.equal(differs, -1, `array ${i}`);
  }
}

const plain = await resultsWith("none");
const packed = await resultsWith("lossless");
assertSame(packed.gathered, plain.gathered, false);
assertSame(packed.summed, plain.summed, true);
Deno.stdout.writeSync(new TextEncoder().encode("same\n"));
