/** Products in machine code beside sums in double precision, with vectors of each width that this processor has. */
import assert from "node:assert/strict";
import { randomFrom } from "@denotune/denotune/core";
import type {
  GemmArguments,
  OpenGemm,
} from "../../../../backends/cpu/blas/library.ts";
import {
  findMachineCode,
  machineCodeOf,
  openMachineCode,
} from "../../../../backends/cpu/machine_code/machine_code.ts";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const PRODUCTS = ALL ? 3000 : 200;
const widest = findMachineCode().found?.width ?? 0;

/** A matrix inside an array of its own, with numbers around it that nobody may change. */
interface Matrix {
  readonly values: Float32Array<ArrayBuffer>;
  readonly row: number;
  readonly start: number;
}

type Random = ReturnType<typeof randomFrom>;

/** A matrix of random numbers whose rows are up to five numbers apart. */
function matrix(
  random: Random,
  { rows, columns }: { rows: number; columns: number },
): Matrix {
  const row = columns + random.below(6);
  const start = 16 + random.below(17); // not at a line of the cache
  const values = Float32Array.from(
    { length: start + rows * row + 40 },
    () => random.normal(),
  );
  return { values, row, start };
}

function addressOf({ values, start }: Matrix): number {
  const pointer = Deno.UnsafePointer.of(values);
  return Number(Deno.UnsafePointer.value(pointer)) + 4 * start;
}

interface Product {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly alpha: number;
  readonly beta: 0 | 1;
  readonly a: Matrix;
  readonly b: Matrix;
  readonly c: Matrix;
  /** One line, or none. */
  readonly bias: Matrix | null;
}

/** Sizes around those of tiles and blocks, the rest anywhere. */
function randomProduct(random: Random, number: number): Product {
  const size = (most: number, near: readonly number[]) =>
    random.below(3) === 0
      ? near[random.below(near.length)] + random.below(3) - 1
      : 1 + random.below(most);
  const transposeA = random.below(2) === 1, transposeB = random.below(2) === 1;
  const m = size(60, [4, 12, 24, 48]);
  // whole tiles across, of either width, may be read without packing
  const n = number % 3 === 1
    ? 96 * (1 + random.below(6))
    : size(number % 5 === 0 ? 700 : 100, [8, 16, 24, 32, 192, 512]);
  const k = number % 40 === 0
    ? 0
    : size(number % 7 === 0 ? 800 : 60, [4, 8, 256, 512]);
  const beta = random.below(2) === 1 ? 1 : 0;
  return {
    transposeA,
    transposeB,
    m,
    n,
    k,
    alpha: number % 3 === 0 ? 0.25 + random.below(4) : 1,
    beta,
    a: matrix(
      random,
      transposeA ? { rows: k, columns: m } : { rows: m, columns: k },
    ),
    b: matrix(
      random,
      transposeB ? { rows: n, columns: k } : { rows: k, columns: n },
    ),
    c: matrix(random, { rows: m, columns: n }),
    bias: beta === 0 && random.below(2) === 1
      ? matrix(random, { rows: 1, columns: n })
      : null,
  };
}

/** Rows and columns of a product, from which on and how many. */
interface Part {
  readonly row: number;
  readonly column: number;
  readonly m: number;
  readonly n: number;
}

function multiply(gemm: OpenGemm, p: Product, part: Part, c: Matrix): void {
  const { row, column, m, n } = part;
  const call: GemmArguments = {
    transposeA: p.transposeA,
    transposeB: p.transposeB,
    m,
    n,
    k: p.k,
    alpha: p.alpha,
    a: addressOf(p.a) + 4 * row * (p.transposeA ? 1 : p.a.row),
    aRow: p.a.row,
    b: addressOf(p.b) + 4 * column * (p.transposeB ? p.b.row : 1),
    bRow: p.b.row,
    beta: p.beta,
    c: addressOf(c) + 4 * (row * c.row + column),
    cRow: c.row,
    bias: p.bias === null ? undefined : addressOf(p.bias) + 4 * column,
  };
  gemm.gemm(call);
}

function whole({ m, n }: Product): Part {
  return { row: 0, column: 0, m, n };
}

function copyOf(c: Matrix): Matrix {
  return { ...c, values: c.values.slice() };
}

/** The product in double precision, (m, n), and the sum of what its terms are large. */
function plainForm(
  p: Product,
): { values: Float64Array; sizes: Float64Array } {
  const { a, b, c, m, n, k, alpha, beta, bias } = p;
  const values = new Float64Array(m * n), sizes = new Float64Array(m * n);
  // b as (k, n), so that the innermost loop goes through lines
  const lines = new Float64Array(k * n);
  const [alongK, alongN] = p.transposeB ? [1, b.row] : [b.row, 1];
  for (let t = 0; t < k; t++) {
    for (let j = 0; j < n; j++) {
      lines[t * n + j] = b.values[b.start + t * alongK + j * alongN];
    }
  }
  for (let i = 0; i < m; i++) {
    const value = values.subarray(i * n, (i + 1) * n);
    const size = sizes.subarray(i * n, (i + 1) * n);
    for (let j = 0; j < n; j++) {
      value[j] = bias === null
        ? beta * c.values[c.start + i * c.row + j]
        : bias.values[bias.start + j];
      size[j] = Math.abs(value[j]);
    }
    for (let t = 0; t < k; t++) {
      const factor = alpha *
        a.values[a.start + (p.transposeA ? t * a.row + i : i * a.row + t)];
      for (let j = 0; j < n; j++) {
        const term = factor * lines[t * n + j];
        value[j] += term;
        size[j] += Math.abs(term);
      }
    }
  }
  return { values, sizes };
}

/** Finds the numbers right, and those around them untouched. */
function check(p: Product, found: Matrix): void {
  const { values, sizes } = plainForm(p);
  const untouched = found.values.slice();
  for (let i = 0; i < p.m; i++) {
    const at = p.c.start + i * p.c.row;
    untouched.set(p.c.values.subarray(at, at + p.n), at);
    for (let j = 0; j < p.n; j++) {
      const value = found.values[at + j], wanted = values[i * p.n + j];
      const most = 2 ** -24 * sizes[i * p.n + j] *
        (p.k < 64 ? p.k + 2 : 64);
      if (Math.abs(value - wanted) <= most) continue;
      assert.fail(`${describe(p)} at ${i}, ${j}: ${value}, expected ${wanted}`);
    }
  }
  assertSameBits(untouched, p.c.values, () => `${describe(p)} wrote outside`);
}

/** `assert.deepEqual` takes longer than the product. */
function assertSameBits(
  found: Float32Array,
  wanted: Float32Array,
  message: () => string,
): void {
  const [a, b] = [found, wanted].map(({ buffer }) => new Int32Array(buffer));
  for (let i = 0; i < b.length; i++) {
    if (a[i] !== b[i]) assert.fail(`${message()}: number ${i} differs`);
  }
}

function describe({ a: _a, b: _b, c: _c, ...sizes }: Product): string {
  return JSON.stringify(sizes);
}

for (const width of [256, 512] as const) {
  const ignore = widest < width;

  Deno.test({
    name:
      `${PRODUCTS} random products with vectors of ${width} bits, beside double precision`,
    ignore,
    fn() {
      const gemm = openMachineCode(machineCodeOf(width));
      const random = randomFrom(width);
      for (let number = 0; number < PRODUCTS; number++) {
        const p = randomProduct(random, number);
        const found = copyOf(p.c);
        multiply(gemm, p, whole(p), found);
        check(p, found);
      }
      gemm.close();
    },
  });

  Deno.test({
    name:
      `vectors of ${width} bits: a number has the same bits in whatever part of the product it is computed`,
    ignore,
    fn() {
      const gemm = openMachineCode(machineCodeOf(width));
      const random = randomFrom(width + 1);
      for (let number = 0; number < PRODUCTS / 2; number++) {
        const p = randomProduct(random, number);
        const once = copyOf(p.c), inParts = copyOf(p.c);
        multiply(gemm, p, whole(p), once);
        const rows = 1 + random.below(p.m), columns = 1 + random.below(p.n);
        for (let row = 0; row < p.m; row += rows) {
          for (let column = 0; column < p.n; column += columns) {
            const m = Math.min(rows, p.m - row);
            const n = Math.min(columns, p.n - column);
            multiply(gemm, p, { row, column, m, n }, inParts);
          }
        }
        assertSameBits(inParts.values, once.values, () => describe(p));
      }
      gemm.close();
    },
  });
}

Deno.test({
  name: "vectors of 256 and 512 bits give the same bits",
  ignore: widest < 512,
  fn() {
    const [narrow, wide] = ([256, 512] as const).map((width) =>
      openMachineCode(machineCodeOf(width))
    );
    const random = randomFrom(3);
    for (let number = 0; number < PRODUCTS / 2; number++) {
      const p = randomProduct(random, number);
      const results = [narrow, wide].map((gemm) => {
        const c = copyOf(p.c);
        multiply(gemm, p, whole(p), c);
        return c.values;
      });
      assertSameBits(results[0], results[1], () => describe(p));
    }
    narrow.close();
    wide.close();
  },
});

Deno.test({
  name:
    "NaN and infinity go through, and what was in c does not where it is not added to",
  ignore: widest === 0,
  fn() {
    const gemm = openMachineCode(machineCodeOf(widest === 512 ? 512 : 256));
    const p: Product = {
      ...randomProduct(randomFrom(5), 1),
      transposeA: false,
      transposeB: false,
      m: 20,
      n: 40,
      k: 5,
      alpha: 1,
      beta: 0,
      a: { values: new Float32Array(100).fill(1), row: 5, start: 0 },
      b: { values: new Float32Array(200).fill(2), row: 40, start: 0 },
      c: { values: new Float32Array(800).fill(NaN), row: 40, start: 0 },
      bias: null,
    };
    p.a.values[5 * 7 + 2] = Infinity;
    p.b.values[40 * 3 + 11] = NaN;
    multiply(gemm, p, whole(p), p.c);
    for (const [at, value] of p.c.values.entries()) {
      const i = Math.floor(at / 40), j = at % 40;
      assert.equal(value, j === 11 ? NaN : i === 7 ? Infinity : 10);
    }
    gemm.close();
  },
});

Deno.test({
  name: "arguments that code could not compute are refused",
  ignore: widest === 0,
  fn() {
    const gemm = openMachineCode(machineCodeOf(widest === 512 ? 512 : 256));
    const p = randomProduct(randomFrom(6), 1);
    const c = copyOf(p.c);
    for (const m of [-1, 1.5, NaN, 2 ** 31]) {
      assert.throws(() => multiply(gemm, p, { ...whole(p), m }, c), RangeError);
    }
    const call = {
      ...{ transposeA: false, transposeB: false, m: 1, n: 1, k: 1, alpha: 1 },
      ...{ a: 4096, aRow: 1, b: 4096, bRow: 1, beta: 0, c: 4096, cRow: 1 },
    };
    assert.throws(() => gemm.gemm({ ...call, a: 0 }), RangeError);
    assert.throws(() => gemm.gemm({ ...call, c: NaN }), RangeError);
    assert.throws(() => gemm.gemm({ ...call, beta: 0.5 }), RangeError);
    assert.throws(() => gemm.gemm({ ...call, bias: -4 }), RangeError);
    assert.throws(
      () => gemm.gemm({ ...call, bias: 4096, beta: 1 }),
      RangeError,
    );
    multiply(gemm, p, { ...whole(p), n: 0 }, c);
    assert.deepEqual(c.values, p.c.values);
    gemm.close();
  },
});
