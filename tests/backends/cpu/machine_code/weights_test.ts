/** Weights of attention in machine code beside plain loops in double precision, with vectors of each width. */
import assert from "node:assert/strict";
import { randomFrom } from "@denotune/denotune/core";
import {
  type BlockNumber,
  blockOffset,
} from "../../../../backends/cpu/machine_code/block.ts";
import {
  findMachineCode,
  machineCodeOf,
} from "../../../../backends/cpu/machine_code/machine_code.ts";
import {
  type OpenWeights,
  openWeights,
} from "../../../../backends/cpu/machine_code/open_weights.ts";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const BLOCKS = ALL ? 5000 : 300;
const widest = findMachineCode().found?.width ?? 0;

// where things are in the memory, in numbers of 4 bytes
const DESCRIPTION = 256, MAXIMA = 1024, SUMS = 2048, DELTAS = 3072;
const KEYS = 4096, QUERIES = 5120, RESULT = 8192, SCORES = 16384;
const SLOPES = 32768, END = 49152;
/** Numbers of a row of scores. */
const ROW = 128;

const PASSES = [
  "forward",
  "forwardWhole",
  "backward",
  "backwardWhole",
] as const;

type Random = ReturnType<typeof randomFrom>;

/** A block of scores: sizes, and what is seen. */
interface Block {
  readonly rows: number;
  readonly keys: number;
  readonly high: number;
  readonly highStep: number;
  readonly low: number;
  readonly lowStep: number;
  readonly segments: boolean;
  readonly factor: number;
  /** Numbers of a row of results. */
  readonly width: number;
}

class Memory {
  readonly shared = new WebAssembly.Memory({
    initial: 4,
    maximum: 4,
    shared: true,
  });
  readonly numbers = new Float32Array(this.shared.buffer);
  readonly whole = new Int32Array(this.shared.buffer);

  describe({ segments, factor, width, ...sizes }: Block): void {
    const view = new DataView(this.shared.buffer, 4 * DESCRIPTION);
    const numbers: Partial<Record<BlockNumber, number>> = {
      ...sizes,
      scores: 4 * SCORES,
      scoreRow: 4 * ROW,
      keySegments: segments ? 4 * KEYS : 0,
      querySegments: 4 * QUERIES,
      maxima: 4 * MAXIMA,
      sums: 4 * SUMS,
      result: 4 * RESULT,
      resultRow: 4 * width,
      slopes: 4 * SLOPES,
      logs: 4 * MAXIMA,
      deltas: 4 * DELTAS,
      step: 8,
    };
    for (const [name, value] of Object.entries(numbers)) {
      const at = blockOffset(name as BlockNumber);
      view.setBigInt64(at, BigInt(value), true);
    }
    view.setFloat32(blockOffset("factor"), factor, true);
  }

  isSeen(b: Block, row: number, key: number): boolean {
    return key < b.keys && key < b.high + row * b.highStep &&
      key >= b.low + row * b.lowStep &&
      (!b.segments || this.whole[KEYS + key] === this.whole[QUERIES + row]);
  }

  /** Anything everywhere; NaN behind the keys. */
  fill(random: Random, b: Block): void {
    for (let at = MAXIMA; at < END; at++) this.numbers[at] = random.normal();
    for (let i = 0; i < ROW; i++) this.whole[KEYS + i] = random.below(2);
    for (let i = 0; i < b.rows; i++) {
      this.whole[QUERIES + i] = random.below(2);
      if (random.below(2) === 1) this.numbers[MAXIMA + i] = -3e38;
      this.numbers[SUMS + i] = Math.abs(random.normal());
      for (let j = 0; j < ROW; j++) {
        const at = SCORES + i * ROW + j;
        this.numbers[at] = j < b.keys ? 6 * random.normal() : NaN;
        if (j >= b.keys) this.numbers[at + SLOPES - SCORES] = NaN;
      }
    }
  }
}

function randomBlock(random: Random): Block {
  const isCausal = random.below(3) > 0, hasWindow = random.below(2) === 1;
  return {
    rows: 1 + random.below(40),
    keys: 1 + random.below(ROW),
    high: isCausal ? random.below(200) - 50 : 200,
    highStep: isCausal ? 1 : 0,
    low: hasWindow ? random.below(150) - 100 : 0,
    lowStep: hasWindow ? 1 : 0,
    segments: random.below(2) === 1,
    factor: random.below(2) === 1 ? 1 : 0.3,
    width: 8 * (2 + random.below(10)),
  };
}

/** Keys up to the last of the last sixteen. */
function widthOf({ keys }: Block): number {
  return 16 * Math.ceil(keys / 16);
}

function near(found: number, wanted: number, size: number, what: string): void {
  assert.ok(
    Math.abs(found - wanted) <= 3e-6 * size + 1e-29,
    `${what}: ${found}, expected ${wanted}`,
  );
}

/** `whole`: the keys are all that there are, so that weights are divided by their sum. */
function checkForward(
  run: OpenWeights,
  memory: Memory,
  b: Block,
  whole: boolean,
): void {
  const before = memory.numbers.slice();
  if (whole) before.fill(-3e38, MAXIMA, SUMS).fill(0, SUMS, DELTAS);
  memory.describe(b);
  run[whole ? "forwardWhole" : "forward"](4 * DESCRIPTION);
  const { numbers } = memory;
  const factor = Math.fround(b.factor);
  for (let i = 0; i < b.rows; i++) {
    const what = `${JSON.stringify(b)} row ${i}`;
    let most = before[MAXIMA + i], sum = 0, divisor = 1;
    const score = (j: number) => factor * before[SCORES + i * ROW + j];
    for (let j = 0; j < b.keys; j++) {
      if (memory.isSeen(b, i, j)) most = Math.max(most, score(j));
    }
    const seen = Array.from({ length: b.keys }, (_, j) => j)
      .filter((j) => memory.isSeen(b, i, j));
    for (const j of seen) sum += Math.exp(score(j) - most);
    if (whole) divisor = sum;
    for (let j = 0; j < widthOf(b); j++) {
      const found = numbers[SCORES + i * ROW + j];
      if (!memory.isSeen(b, i, j)) {
        assert.equal(found, 0, `${what} key ${j}`);
        continue;
      }
      const wanted = Math.exp(score(j) - most) / divisor;
      near(found, wanted, wanted, `${what} key ${j}`);
    }
    if (whole && seen.length === 0) continue; // nobody asks for its numbers
    const correction = Math.exp(before[MAXIMA + i] - most);
    near(numbers[MAXIMA + i], most, Math.abs(most), what);
    const wanted = before[SUMS + i] * correction + sum;
    near(numbers[SUMS + i], wanted, wanted, what);
    for (let j = 0; j < (whole ? 0 : b.width); j++) {
      const at = RESULT + i * b.width + j;
      near(numbers[at], before[at] * correction, Math.abs(before[at]), what);
    }
  }
  const results = whole ? 0 : b.rows * b.width;
  for (let at = RESULT + results; at < SCORES; at++) {
    assert.equal(numbers[at], before[at], "wrote behind the results");
  }
  for (let at = SCORES + b.rows * ROW; at < END; at++) {
    assert.equal(numbers[at], before[at], "wrote behind the scores");
  }
}

/** `whole`: delta is the mean of the gradients of weights, by the weights. */
function checkBackward(
  run: OpenWeights,
  memory: Memory,
  b: Block,
  whole: boolean,
): void {
  for (let i = 0; i < b.rows; i++) {
    memory.numbers[MAXIMA + 2 * i] = 10 + i / 16; // the log of a sum
  }
  const before = memory.numbers.slice();
  memory.describe(b);
  run[whole ? "backwardWhole" : "backward"](4 * DESCRIPTION);
  const factor = Math.fround(b.factor);
  for (let i = 0; i < b.rows; i++) {
    const weightOf = (j: number) =>
      Math.exp(factor * before[SCORES + i * ROW + j] - before[MAXIMA + 2 * i]);
    let delta = before[DELTAS + 2 * i], spread = Math.abs(delta);
    if (whole) {
      let total = 0;
      delta = spread = 0;
      for (let j = 0; j < b.keys; j++) {
        if (!memory.isSeen(b, i, j)) continue;
        const term = weightOf(j) * before[SLOPES + i * ROW + j];
        total += weightOf(j);
        delta += term;
        spread += Math.abs(term);
      }
      [delta, spread] = [delta / total, spread / total];
    }
    for (let j = 0; j < widthOf(b); j++) {
      const what = `${JSON.stringify(b)} row ${i} key ${j}`;
      const [p, dS] = [SCORES, SLOPES].map((at) => at + i * ROW + j);
      if (!memory.isSeen(b, i, j)) {
        assert.equal(memory.numbers[p], 0, what);
        assert.equal(memory.numbers[dS], 0, what);
        continue;
      }
      const weight = weightOf(j);
      near(memory.numbers[p], weight, weight, what);
      const size = weight * (Math.abs(before[dS]) + spread);
      near(memory.numbers[dS], weight * (before[dS] - delta), size, what);
    }
  }
  for (let at = SCORES + b.rows * ROW; at < SLOPES; at++) {
    assert.equal(memory.numbers[at], before[at], "wrote behind the scores");
  }
}

for (const width of [256, 512] as const) {
  const ignore = widest < width;

  Deno.test({
    name:
      `${BLOCKS} random blocks of weights with vectors of ${width} bits, beside double precision`,
    ignore,
    fn() {
      const memory = new Memory();
      const run = openWeights(machineCodeOf(width), memory.shared);
      const random = randomFrom(width);
      for (let number = 0; number < BLOCKS; number++) {
        const block = randomBlock(random);
        for (const whole of [false, true]) {
          memory.fill(random, block);
          checkForward(run, memory, block, whole);
          memory.fill(random, block);
          checkBackward(run, memory, block, whole);
        }
      }
      run.close();
    },
  });

  Deno.test({
    name:
      `vectors of ${width} bits: NaN stays in its row, an infinite score makes its row NaN, -infinity counts for nothing`,
    ignore,
    fn() {
      const memory = new Memory();
      const run = openWeights(machineCodeOf(width), memory.shared);
      const block: Block = {
        ...randomBlock(randomFrom(1)),
        ...{ rows: 4, keys: 40, high: 40, highStep: 0, low: 0, lowStep: 0 },
        segments: false,
      };
      memory.fill(randomFrom(2), block);
      const at = (row: number) => SCORES + row * ROW + 21;
      memory.numbers[at(0)] = NaN;
      memory.numbers[at(1)] = Infinity;
      memory.numbers[at(2)] = -Infinity;
      const before = memory.whole.slice();
      for (const pass of ["forward", "forwardWhole"] as const) {
        memory.whole.set(before);
        memory.describe(block);
        run[pass](4 * DESCRIPTION);
        const sums = [...memory.numbers.slice(SUMS, SUMS + 4)];
        assert.deepEqual(sums.map(Number.isNaN), [true, true, false, false]);
        assert.ok(memory.numbers[at(2)] < 1e-30);
      }
      run.close();
    },
  });
}

Deno.test({
  name: "vectors of 256 and 512 bits give the same weights to the bit",
  ignore: widest < 512,
  fn() {
    const memory = new Memory();
    const runs = ([256, 512] as const).map((width) =>
      openWeights(machineCodeOf(width), memory.shared)
    );
    const random = randomFrom(4);
    for (let number = 0; number < BLOCKS; number++) {
      const block = randomBlock(random);
      memory.fill(random, block);
      const before = memory.whole.slice();
      for (const pass of PASSES) {
        const [narrow, wide] = runs.map((run) => {
          memory.whole.set(before);
          memory.describe(block);
          run[pass](4 * DESCRIPTION);
          return memory.whole.slice(MAXIMA, END);
        });
        assert.deepEqual(narrow, wide, JSON.stringify(block));
      }
    }
    for (const run of runs) run.close();
  },
});
