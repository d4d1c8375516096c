/** Loops over elements in machine code beside the WebAssembly that they are made of: the same bits. */
import assert from "node:assert/strict";
import { randomFrom } from "@denotune/denotune/core";
import {
  f32x4,
  FunctionBuilder,
  i32x4,
  i64,
  type Int,
  type Local,
  ModuleBuilder,
  readStraight,
  v128,
  type Vector,
} from "../../../../../backends/cpu/assembler/mod.ts";
import {
  findMachineCode,
  machineCodeOf,
} from "../../../../../backends/cpu/machine_code/machine_code.ts";
import { WideLoops } from "../../../../../backends/cpu/machine_code/wide/make.ts";
import { openLoops } from "../../../../../backends/cpu/machine_code/wide/open.ts";
import { MOST_TENSORS } from "../../../../../backends/cpu/machine_code/wide/loop.ts";
import * as simd from "../../../../../backends/cpu/simd_math.ts";
import { Heap } from "../../../../../backends/cpu/runtime/heap.ts";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const widest = findMachineCode().found?.width ?? 0;

/** Elements of a loop: whole vectors of both widths. */
const COUNT = 96;
/** Elements from tensor to tensor: those behind a loop's must stay. */
const APART = 128;
const BEHIND = 0x7ead5eed;

type Random = ReturnType<typeof randomFrom>;
/** Loads, computes and stores four elements. */
type Body = (
  f: FunctionBuilder,
  index: Local<"i64">,
  pointers: readonly Int[],
) => void;

const SPECIAL = [
  0,
  -0,
  1,
  -1,
  NaN,
  Infinity,
  -Infinity,
  1e-40,
  -1e-45,
  3.4e38,
  -3.4e38,
  88.7,
  -88,
  0.5,
  2.5,
  -0.9999999,
];

/** Tensors in memory that WebAssembly and machine code share. */
class Tensors {
  readonly #heap = new Heap(2 ** 26);
  readonly #at: number;
  readonly numbers: Float32Array;
  readonly bits: Uint32Array;
  readonly #loops;

  constructor(readonly count: number) {
    this.#at = this.#heap.allocate(2 ** 20, "tensors");
    const bytes = this.#heap.bytes(this.#at, 2 ** 20);
    this.numbers = new Float32Array(bytes.buffer, bytes.byteOffset, 2 ** 18);
    this.bits = new Uint32Array(bytes.buffer, bytes.byteOffset, 2 ** 18);
    this.#loops = openLoops(this.#heap.memory);
  }

  address(tensor: number): number {
    return this.#at + 4 * APART * tensor;
  }

  fill(random: Random): void {
    this.bits.fill(BEHIND);
    for (let t = 0; t < this.count; t++) {
      for (let i = 0; i < COUNT; i++) {
        const scale = 10 ** Math.floor(6 * random.next() - 3);
        this.numbers[APART * t + i] = random.next() < 0.2
          ? SPECIAL[random.below(SPECIAL.length)]
          : scale * (2 * random.next() - 1);
      }
    }
  }

  /** What the loop of WebAssembly leaves. */
  inWebAssembly(body: Body): Uint32Array {
    const module = new ModuleBuilder();
    const pointers = Array.from(
      { length: this.count },
      (_, t) => i64.const(this.address(t)),
    );
    module.function(
      { parameters: [], name: "loop" },
      (f) =>
        f.for(
          i64.const(0),
          i64.const(COUNT),
          4,
          (index) => body(f, index, pointers),
        ),
    );
    const instance = new WebAssembly.Instance(
      new WebAssembly.Module(module.finish()),
      { env: { memory: this.#heap.memory } },
    );
    (instance.exports.loop as () => void)();
    return this.bits.slice(0, APART * (this.count + 1));
  }

  /** What the loop in machine code leaves. */
  inMachineCode(body: Body, width: 256 | 512): Uint32Array {
    const loops = new WideLoops(machineCodeOf(width));
    const address = loops.make(straightOf(body, this.count), this.count);
    const description = 2 ** 17;
    const view = new DataView(this.bits.buffer, this.bits.byteOffset);
    view.setBigUint64(4 * description, BigInt(4 * COUNT), true);
    for (let t = 0; t < this.count; t++) {
      const at = 4 * description + 8 * (1 + t);
      view.setBigUint64(at, BigInt(this.address(t)), true);
    }
    this.#loops.call(address, this.#at + 4 * description);
    loops.close();
    return this.bits.slice(0, APART * (this.count + 1));
  }

  close(): void {
    this.#loops.close();
  }
}

function straightOf(body: Body, tensors: number) {
  const types = Array.from({ length: tensors + 1 }, () => "i64" as const);
  const f = new FunctionBuilder(types);
  const parameters = types.map((type, i) => f.parameter(type, i));
  body(f, parameters[tensors], parameters.slice(0, tensors));
  return readStraight(f.finish(), types.length);
}

function assertSame(
  loop: { body: Body; tensors: number; seed: number },
  message: string,
): void {
  const tensors = new Tensors(loop.tensors);
  tensors.fill(randomFrom(loop.seed));
  const expected = tensors.inWebAssembly(loop.body);
  for (const width of [256, 512] as const) {
    if (width > widest) continue;
    tensors.fill(randomFrom(loop.seed));
    const found = tensors.inMachineCode(loop.body, width);
    const isNaN = (bits: number) => (bits & 0x7fffffff) > 0x7f800000;
    expected.forEach((bits, i) => {
      if (bits === found[i] || isNaN(bits) && isNaN(found[i])) return;
      assert.fail(
        `${message}, ${width} bits: element ${i} is ${
          found[i].toString(16)
        }, not ${bits.toString(16)}`,
      );
    });
  }
  tensors.close();
}

const at = (pointer: Int, index: Int) =>
  i64.add(pointer, i64.shl(index, i64.const(2)));

const ONE: Readonly<
  Record<string, (f: FunctionBuilder, x: Vector) => Vector>
> = {
  neg: (_, x) => f32x4.neg(x),
  abs: (_, x) => f32x4.abs(x),
  sqrt: (_, x) => f32x4.sqrt(x),
  floor: (_, x) => f32x4.floor(x),
  nearest: (_, x) => f32x4.nearest(x),
  exp: simd.exp,
  log: simd.log,
  tanh: simd.tanh,
  erf: simd.erf,
  sigmoid: (f, x) => simd.sigmoid(f, x),
  sign: simd.sign,
  isFinite: simd.isFinite,
};
const TWO: Readonly<Record<string, (x: Vector, y: Vector) => Vector>> = {
  add: f32x4.add,
  sub: f32x4.sub,
  mul: f32x4.mul,
  div: f32x4.div,
  min: f32x4.min,
  max: f32x4.max,
  pmin: f32x4.pmin,
  pmax: f32x4.pmax,
};
const COMPARED = [
  f32x4.eq,
  f32x4.ne,
  f32x4.lt,
  f32x4.gt,
  f32x4.le,
  f32x4.ge,
] as const;
const WHOLE = [i32x4.add, i32x4.sub, i32x4.mul] as const;
const BITS = [v128.and, v128.or, v128.xor, v128.andNot] as const;
const SHIFTS = [i32x4.shl, i32x4.shrS, i32x4.shrU] as const;

const needed = widest === 0 ? { ignore: true } : {};

Deno.test({
  name: "each function of one number has the bits of WebAssembly",
  ...needed,
  fn: () => {
    for (const [name, of] of Object.entries(ONE)) {
      const body: Body = (f, index, [x, y]) =>
        f.store(at(y, index), of(f, f.local("v128", v128.load(at(x, index)))));
      assertSame({ body, tensors: 2, seed: 7 }, name);
    }
  },
});

Deno.test({
  name: "each function of two numbers has them, of all pairs of special ones",
  ...needed,
  fn: () => {
    const all = { ...TWO, ...Object.fromEntries(COMPARED.entries()) };
    for (const [name, of] of Object.entries(all)) {
      for (const second of SPECIAL) {
        for (const turned of [false, true]) {
          const body: Body = (f, index, [x, y]) => {
            const [a, b] = [v128.load(at(x, index)), f32x4.const(second)];
            f.store(at(y, index), turned ? of(b, a) : of(a, b));
          };
          assertSame({ body, tensors: 2, seed: 8 }, `${name} ${second}`);
        }
      }
    }
  },
});

/** A loop of random steps. Bits of numbers are not looked at as whole numbers: those of a NaN are not promised. */
function randomBody(seed: number, tensors: number): Body {
  return (f, index, pointers) => {
    const random = randomFrom(seed);
    const one = <T>(of: readonly T[]) => of[random.below(of.length)];
    const inputs = Math.max(1, random.below(tensors));
    const hold = (x: Vector) => f.local("v128", x);
    const numbers: Vector[] = [hold(v128.load(at(pointers[0], index)))];
    const whole: Vector[] = [i32x4.const(Math.floor(random.next() * 2 ** 31))];
    const masks: Vector[] = [hold(f32x4.le(numbers[0], f32x4.const(0.25)))];
    const steps: readonly (() => void)[] = [
      () =>
        numbers.push(
          hold(v128.load(at(pointers[random.below(inputs)], index))),
        ),
      () => numbers.push(f32x4.const(8 * random.next() - 4)),
      () => {
        const offset = 4 * random.below(8);
        const pointer = pointers[tensors - 1]; // nothing else is there
        numbers.push(hold(v128.load32Splat(pointer, offset)));
      },
      () =>
        numbers.push(hold(one(Object.values(TWO))(one(numbers), one(numbers)))),
      () =>
        numbers.push(hold(one(Object.values(TWO))(one(numbers), one(numbers)))),
      () => numbers.push(hold(one(Object.values(ONE))(f, one(numbers)))),
      () => {
        const of = random.next() < 0.5 ? f32x4.madd : f32x4.nmadd;
        numbers.push(hold(of(one(numbers), one(numbers), one(numbers))));
      },
      () => {
        const of = random.next() < 0.5 ? f32x4.madd : f32x4.nmadd;
        numbers.push(hold(of(one(numbers), one(numbers), one(numbers))));
      },
      () => masks.push(hold(one(COMPARED)(one(numbers), one(numbers)))),
      () => masks.push(hold(i32x4.eq(one(whole), one(whole)))),
      () => masks.push(hold(one(BITS)(one(masks), one(masks)))),
      () => masks.push(hold(v128.not(one(masks)))),
      () =>
        numbers.push(hold(v128.select(one(numbers), one(numbers), one(masks)))),
      () => numbers.push(hold(v128.and(one(numbers), one(masks)))),
      () => numbers.push(hold(f32x4.fromI32(one(whole)))),
      () => whole.push(hold(one(WHOLE)(one(whole), one(whole)))),
      () => whole.push(hold(one(BITS)(one(whole), one(masks)))),
      () =>
        whole.push(
          hold(one(SHIFTS)(one(whole), Math.floor(31 * random.next()))),
        ),
    ];
    const length = Math.ceil(100 * random.next() ** 2);
    for (let i = 0; i < length; i++) one(steps)();
    // values of long ago too, so that some are kept for long
    const stores = tensors - 1 - inputs;
    const values = Array.from(
      { length: stores },
      () => one(one([numbers, numbers, whole, masks])),
    );
    values.forEach((value, i) =>
      f.store(at(pointers[inputs + i], index), value)
    );
    // in place
    f.store(at(pointers[0], index), numbers[numbers.length - 1]);
  };
}

Deno.test({
  name: "random loops have them, and write nothing else",
  ...needed,
  fn: () => {
    for (let seed = 0; seed < (ALL ? 5000 : 400); seed++) {
      const tensors = 2 + seed % (MOST_TENSORS - 1);
      const body = randomBody(seed, tensors);
      assertSame({ body, tensors, seed }, `loop ${seed}`);
    }
  },
});

Deno.test("steps of other kinds are refused, not left out", () => {
  const refused = (body: Body, message: RegExp) =>
    assert.throws(() => straightOf(body, 1), message);
  refused(
    (f, index, [x]) => f.store(at(x, index), v128.load(at(x, index), 16)),
    /An offset of 16 bytes/,
  );
  refused(
    (f, index, [x]) =>
      f.store(at(x, index), simd.sumLanes(f, v128.load(at(x, index)))),
    /i8x16.shuffle is not a step/,
  );
  refused(
    (f, index, [x]) => f.store(at(x, index), v128.const32([0, 1, 2, 3])),
    /other bits from lane to lane/,
  );
  refused(
    (f, index, [x]) =>
      f.store(i64.add(x, i64.mul(index, i64.const(8))), f32x4.const(1)),
    /Elements of 8 bytes/,
  );
});
