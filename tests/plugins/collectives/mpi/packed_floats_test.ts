import assert from "node:assert/strict";
import { randomFrom } from "../../../../core/mod.ts";
import { FloatMessages } from "../../../../plugins/collectives/mpi/float_messages.ts";
import {
  BFLOAT16,
  FLOAT32,
} from "../../../../plugins/collectives/mpi/ordered_sum.ts";
import {
  FEWEST_PACKED,
  packFloats,
  unpackFloats,
} from "../../../../plugins/collectives/mpi/packed_floats.ts";
import { Scratch } from "../../../../plugins/collectives/mpi/scratch.ts";

/** Words as numbers, anywhere in a larger memory. */
function floatsOf(words: Uint32Array, gap: number): Float32Array {
  const memory = new Uint32Array(words.length + 2 * gap).fill(0xdeadbeef);
  memory.set(words, gap);
  return new Float32Array(memory.buffer, 4 * gap, words.length);
}

function wordsOf({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}

/** Packs and unpacks words, which must come back and touch nothing else. Returns the packed bytes; null: none. */
function roundTrip(words: Uint32Array, gap = 3): Uint8Array | null {
  const values = floatsOf(words, gap);
  const memory = new Uint8Array(4 * words.length + 64).fill(0xaa);
  const packed = packFloats(values, memory.subarray(32, memory.length - 32));
  assert.deepEqual(wordsOf(values), words, "what is packed stays");
  const around = [...memory.subarray(0, 32), ...memory.subarray(-32)];
  assert.ok(around.every((byte) => byte === 0xaa), "written beside its room");
  if (packed === null) return null;
  assert.ok(packed.byteLength < values.byteLength);
  // as it comes: at the start of other memory, with something else behind it
  const received = new Uint8Array(packed.byteLength + 8).fill(0x55);
  received.set(packed);
  const into = floatsOf(new Uint32Array(words.length).fill(0x12345678), gap);
  unpackFloats(received.subarray(0, packed.byteLength), into);
  assert.deepEqual(wordsOf(into), words);
  const all = new Uint32Array(into.buffer);
  const beside = [...all.subarray(0, gap), ...all.subarray(gap + words.length)];
  assert.ok(beside.every((word) => word === 0xdeadbeef));
  return packed;
}

/** Kinds of words, from a random number of 32 bits and a normal one. */
const KINDS: readonly ((bits: number, normal: number) => number)[] = [
  (_, normal) => bitsOf(normal),
  (_, normal) => bitsOf(1e-38 * normal), // many denormal
  (bits, normal) => bitsOf(normal * 10 ** (bits % 60 - 30)),
  (bits) => bits,
  (bits) => bits & 0x80000000, // 0 and -0
  (bits) => bits | 0x7f800000, // infinite, and NaN with payloads
  (bits) => bits & 0x807fffff,
  (bits, normal) => bits % 50 === 0 ? bitsOf(normal) : 0,
  (bits, normal) => bits % 40 === 0 ? bits : bitsOf(normal * 1e-4),
  () => 0x3f800000,
  () => 0,
];

function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0];
}

Deno.test("packed numbers come back with all bits: 600 arrays of all kinds and lengths, NaN, infinite, -0, denormal", () => {
  for (let seed = 0; seed < 600; seed++) {
    const random = randomFrom(seed, 1902);
    const lengths = [0, 1, 2, 127, 128, 129, 255, 256, 1024];
    const length = seed % 3 === 0
      ? lengths[random.below(lengths.length)]
      : random.below(6000);
    // runs of a kind, mostly one kind
    let kind = KINDS[random.below(KINDS.length)];
    const mixes = random.next() < 0.5;
    const words = Uint32Array.from({ length }, () => {
      if (mixes && random.next() < 0.01) {
        kind = KINDS[random.below(KINDS.length)];
      }
      return kind(random.below(2 ** 32), random.normal());
    });
    roundTrip(words, random.below(9));
  }
});

Deno.test("each exponent beside each other one comes back", () => {
  const words = new Uint32Array(256 * 256 * 2);
  for (let a = 0; a < 256; a++) {
    for (let b = 0; b < 256; b++) {
      words[2 * (256 * a + b)] = a << 23 | 0x2aaaaa;
      words[2 * (256 * a + b) + 1] = (b << 23 | 0x80555555) >>> 0;
    }
  }
  roundTrip(words);
  for (let a = 0; a < 256; a++) {
    roundTrip(words.subarray(512 * a, 512 * (a + 1)));
    roundTrip(Uint32Array.from({ length: 1000 }, () => a << 23));
  }
});

Deno.test("normal numbers take 82 to 84% of their bytes, zeros nearly none, and random bits are left", () => {
  const random = randomFrom(1903);
  const of = (kind: typeof KINDS[number]) =>
    Uint32Array.from(
      { length: 100_000 },
      () => kind(random.below(2 ** 32), random.normal()),
    );
  const share = (words: Uint32Array) =>
    (roundTrip(words)?.byteLength ?? Infinity) / words.byteLength;
  const ofNormal = share(of(KINDS[0]));
  assert.ok(ofNormal > 0.82 && ofNormal < 0.84, `${ofNormal}`);
  assert.ok(share(of(() => 0)) < 0.003);
  assert.equal(roundTrip(of((bits) => bits)), null);
});

Deno.test("a message is packed where that is asked for and saves something, and unpacked in place by its length", () => {
  const scratch = new Scratch(4 * FEWEST_PACKED);
  const messages = new FloatMessages(scratch);
  const random = randomFrom(1904);
  const normal = (length: number) =>
    Float32Array.from({ length }, () => random.normal());
  for (const packs of [false, true]) {
    messages.packs = packs;
    for (
      const [values, isShorter] of [
        [normal(10_000), packs],
        [normal(FEWEST_PACKED), packs],
        [normal(FEWEST_PACKED - 1), false],
        [new Float32Array(0), false],
        [
          new Float32Array(
            Uint32Array.from({ length: 9000 }, () => random.below(2 ** 32))
              .buffer,
          ),
          false,
        ],
      ] as const
    ) {
      const { bytes, release } = messages.outgoing(values, FLOAT32);
      assert.equal(bytes.byteLength < values.byteLength, isShorter);
      assert.equal(release !== undefined, isShorter);
      const room = new Uint8Array(values.byteLength);
      const { buffer, byteOffset, byteLength } = bytes;
      room.set(new Uint8Array(buffer, byteOffset, byteLength));
      messages.unpack(room, byteLength);
      const found = new Uint32Array(room.buffer);
      assert.deepEqual(found, wordsOf(values));
      release?.();
    }
    const halves = messages.outgoing(normal(10_000), BFLOAT16);
    assert.equal(halves.bytes.byteLength, 20_000);
  }
});
