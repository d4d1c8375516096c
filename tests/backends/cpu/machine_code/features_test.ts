/** Features are taken from the processor's own words, and only where the system saves the registers. */
import assert from "node:assert/strict";
import { mayExecute } from "../../../../backends/cpu/machine_code/executable.ts";
import {
  featureWords,
  widestVectors,
} from "../../../../backends/cpu/machine_code/features.ts";

const FMA = 1 << 12, XGETBV = 1 << 27, AVX = 1 << 28;
const AVX2 = 1 << 5, AVX512F = 1 << 16;
const ALL = {
  leaves: 7,
  first: FMA | XGETBV | AVX,
  seventh: AVX2 | AVX512F,
  saved: 0xe7,
};

Deno.test("vectors are as wide as processor and system both allow", () => {
  assert.equal(widestVectors(ALL), 512);
  assert.equal(widestVectors({ ...ALL, seventh: AVX2 }), 256);
  assert.equal(widestVectors({ ...ALL, saved: 0x7 }), 256); // the system does not save 512 bits
  assert.equal(widestVectors({ ...ALL, saved: 0x67 }), 256); // nor only some of them
  assert.equal(widestVectors({ ...ALL, saved: 0x3 }), null);
  assert.equal(widestVectors({ ...ALL, seventh: AVX512F }), null);
  assert.equal(widestVectors({ ...ALL, leaves: 6 }), null);
  for (const missing of [FMA, XGETBV, AVX]) {
    const first = ALL.first & ~missing;
    assert.equal(widestVectors({ ...ALL, first }), null);
  }
});

Deno.test({
  name: "cpuid says what the kernel says",
  ignore: !mayExecute(Deno.build),
  async fn() {
    const text = await Deno.readTextFile("/proc/cpuinfo");
    const flags = new Set(/^flags\s*:(.*)$/m.exec(text)?.[1].trim().split(" "));
    const has = (...names: string[]) => names.every((name) => flags.has(name));
    const wanted = !has("avx", "avx2", "fma")
      ? null
      : has("avx512f")
      ? 512
      : 256;
    assert.equal(widestVectors(featureWords()), wanted);
  },
});
