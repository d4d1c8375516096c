/**
 * Blocks of numbers against ggml itself (its quantization, in the library of `xllamacpp`) and PyPI's `gguf`.
 */
import assert from "node:assert/strict";
import {
  BLOCK_TYPES,
  type BlockType,
} from "../../../../../plugins/exporters/gguf/blocks/mod.ts";
import { hasModules, python } from "../../../../python.ts";

const HERE = new URL("../", import.meta.url).pathname;

/** Numbers as weights have them, and as they seldom have them. */
function numbers(count: number): Float32Array {
  let state = 12345;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const normal = () =>
    Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const x = Float32Array.from({ length: count }, (_, i) => {
    switch (Math.floor(i / 1024) % 6) {
      case 0:
        return 0.02 * normal();
      case 1:
        return normal() / (0.05 + random()); // heavy tails
      case 2:
        return random();
      case 3:
        return (i < 3328 ? 1e-6 : 3e-4) * normal();
      case 4:
        return i % 7 === 0 ? 3 * normal() : 0;
      default:
        return 2 * random() - 1;
    }
  });
  x.fill(0, 0, 256);
  x.fill(1, 256, 512);
  x.fill(-0.5, 512, 544);
  return x;
}

function stored(type: BlockType, x: Float32Array): Uint8Array {
  const out = new Uint8Array(x.length / type.size * type.bytes);
  type.quantize(x, out);
  return out;
}

for (const type of BLOCK_TYPES) {
  Deno.test(`${type.name} is read again within the error that it says`, () => {
    const x = numbers(6 * 4096);
    const back = new Float32Array(x.length);
    type.dequantize(stored(type, x), back);
    const { size, relative, absolute } = type;
    for (let from = 0; from < x.length; from += size) {
      const block = x.subarray(from, from + size);
      const largest = block.reduce((a, v) => Math.max(a, Math.abs(v)), 0);
      for (let i = from; i < from + size; i++) {
        const off = Math.abs(back[i] - x[i]);
        assert.ok(
          off <= relative * largest + absolute,
          `${i}: ${off} of ${largest}`,
        );
      }
    }
  });
}

Deno.test({
  name:
    "blocks are those of ggml, and of PyPI's gguf; none has a larger error than ggml's",
  ignore: !hasModules("numpy", "gguf", "xllamacpp"),
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const x = numbers(6 * 1024 * 20);
      Deno.writeFileSync(`${folder}/x.bin`, new Uint8Array(x.buffer));
      for (const type of BLOCK_TYPES) {
        Deno.writeFileSync(`${folder}/${type.name}.bin`, stored(type, x));
      }
      const answer: Record<
        string,
        {
          same: number;
          gguf: number | null;
          worse: number;
          different_numbers: number;
        }
      > = JSON.parse(await python([`${HERE}witness_blocks.py`, folder]));
      for (const type of BLOCK_TYPES) {
        const { same, gguf, worse, different_numbers } = answer[type.name];
        // ggml leaves the q of groups that are nothing as they were; their numbers are the same
        assert.equal(different_numbers, 0, `${type.name}: ${same}`);
        assert.equal(worse, 0, type.name);
        assert.ok(same > 0.99, `${type.name}: ${same}`);
        if (gguf !== null) assert.equal(gguf, 1, `${type.name}: ${gguf}`);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
