import assert from "node:assert/strict";
import {
  f32,
  f32x4,
  i32,
  i32x4,
  i64,
  ModuleBuilder,
  select,
  v128,
} from "../../../../backends/cpu/assembler/mod.ts";
import {
  signed,
  unsigned,
} from "../../../../backends/cpu/assembler/encoding.ts";
import { printModule } from "../../../../backends/cpu/assembler/print.ts";
import { assembled, DATA } from "../assembled.ts";

Deno.test("integers are written in as few bytes as LEB128 allows", () => {
  assert.deepEqual(unsigned(0), [0]);
  assert.deepEqual(unsigned(624485), [0xe5, 0x8e, 0x26]);
  assert.deepEqual(unsigned(2 ** 34), [0x80, 0x80, 0x80, 0x80, 0x40]);
  assert.deepEqual(signed(-1n), [0x7f]);
  assert.deepEqual(signed(-123456n), [0xc0, 0xbb, 0x78]);
  assert.deepEqual(signed(64n), [0xc0, 0x00]);
});

Deno.test("an assembled function adds its parameters", () => {
  const { functions } = assembled((module) =>
    module.function(
      { parameters: ["i64", "i64"], result: "i64", name: "add" },
      (f) => f.result(i64.add(f.parameter("i64", 0), f.parameter("i64", 1))),
    )
  );
  assert.equal(functions.add(2n ** 40n, 5n), 2n ** 40n + 5n);
});

Deno.test("operations on constants are done by the assembler", () => {
  assert.equal(
    i64.add(i64.const(3), i64.mul(i64.const(4), i64.const(5))).constant,
    23,
  );
  assert.equal(i64.ceilDiv(i64.const(17), 8).constant, 3);
  const parameter = { type: "i64", code: [0x20, 0] } as const;
  assert.equal(i64.add(parameter, i64.const(0)), parameter);
  assert.equal(i64.mul(i64.const(1), parameter), parameter);
});

Deno.test("loops count, may run no times, and can be left", () => {
  const { functions } = assembled((module) => {
    module.function({
      parameters: ["i64", "i64", "i64"],
      result: "i64",
      name: "sum",
    }, (f) => {
      const sum = f.local("i64");
      f.for(
        f.parameter("i64", 0),
        f.parameter("i64", 1),
        f.parameter("i64", 2),
        (i) => f.increase(sum, i),
      );
      f.result(sum);
    });
    module.function(
      { parameters: ["i64"], result: "i64", name: "root" },
      (f) => {
        const root = f.local("i64");
        f.block((found) =>
          f.loop((again) => {
            f.branch(
              found,
              i64.gtS(i64.mul(root, root), f.parameter("i64", 0)),
            );
            f.increase(root, i64.const(1));
            f.branch(again);
          })
        );
        f.result(root);
      },
    );
  });
  assert.equal(functions.sum(0n, 10n, 3n), 18n);
  assert.equal(functions.sum(5n, 5n, 1n), 0n);
  assert.equal(functions.sum(7n, 5n, 1n), 0n);
  assert.equal(functions.root(99n), 10n);
});

Deno.test("branches and selects choose", () => {
  const { functions } = assembled((module) =>
    module.function(
      { parameters: ["i64"], result: "i64", name: "sign" },
      (f) => {
        const x = f.parameter("i64", 0);
        const result = f.local("i64");
        f.if(
          i64.eqz(x),
          () => f.set(result, i64.const(0)),
          () =>
            f.set(
              result,
              select(i64.ltS(x, i64.const(0)), i64.const(-1), i64.const(1)),
            ),
        );
        f.result(result);
      },
    )
  );
  assert.deepEqual([-7n, 0n, 7n].map((x) => functions.sign(x)), [-1n, 0n, 1n]);
});

Deno.test("vectors are loaded, computed, shuffled and stored", () => {
  const { functions, memory } = assembled((module) =>
    module.function({ parameters: [], name: "work" }, (f) => {
      const at = i64.const(DATA);
      const x = f.local("v128", v128.load(at));
      f.store(
        at,
        f32x4.madd(x, f32x4.const(2), f32x4.splat(f32.const(0.5))),
        16,
      );
      f.store(at, f32x4.nmadd(x, f32x4.const(2), f32x4.const(0)), 32);
      f.store(at, v128.shuffle32(x, v128.load(at, 16), [3, 4, 0, 7]), 48);
      f.store(at, i32x4.shrS(v128.const32([-8, 8, 16, -1]), 2), 64);
      f.storeLane32(at, x, 2, 80);
      f.store16(at, i32.const(0x1ffff), 84);
    })
  );
  const numbers = new Float32Array(memory.buffer, memory.byteOffset, 32);
  numbers.set([1, 2, 3, 4]);
  functions.work();
  assert.deepEqual([...numbers.subarray(4, 8)], [2.5, 4.5, 6.5, 8.5]);
  assert.deepEqual([...numbers.subarray(8, 12)], [-2, -4, -6, -8]);
  assert.deepEqual([...numbers.subarray(12, 16)], [4, 2.5, 1, 8.5]);
  assert.deepEqual([
    ...new Int32Array(memory.buffer, memory.byteOffset + 64, 4),
  ], [-2, 2, 4, -1]);
  assert.equal(numbers[20], 3);
  assert.deepEqual([...memory.subarray(84, 88)], [255, 255, 0, 0]);
});

Deno.test("functions call each other and are made once for each key", () => {
  const { functions } = assembled((module) => {
    const square = () =>
      module.function({ parameters: ["i64", "i64"] }, (f) => {
        const x = f.parameter("i64", 0);
        f.store(f.parameter("i64", 1), i64.mul(x, x));
      });
    const first = module.once("square", square);
    assert.equal(module.once("square", square), first);
    module.function(
      { parameters: ["i64"], result: "i64", name: "run" },
      (f) => {
        f.call(first, [f.parameter("i64", 0), i64.const(DATA)]);
        f.result(i64.load(i64.const(DATA)));
      },
    );
  });
  assert.equal(functions.run(12n), 144n);
});

Deno.test("the assembler refuses values of the wrong type", () => {
  const module = new ModuleBuilder();
  const callee = module.function({ parameters: ["i64"] }, () => {});
  module.function({ parameters: ["f64"] }, (f) => {
    assert.throws(() => f.parameter("i64", 0), TypeError);
    assert.throws(() => f.call(callee, [f.parameter("f64", 0)]), TypeError);
  });
});

Deno.test("a vector constant is made once, at the start of its function, however often it is used", () => {
  const module = new ModuleBuilder();
  module.function({ parameters: ["i64"], name: "scale" }, (f) => {
    f.for(i64.const(0), f.parameter("i64", 0), 1, (i) => {
      const at = i64.add(i64.const(DATA), i64.mul(i, i64.const(16)));
      const scaled = f32x4.mul(v128.load(at), f32x4.const(3));
      f.store(at, f32x4.add(scaled, f32x4.const(3)));
      f.store(at, f32x4.const(0), 16);
    });
  });
  const text = printModule(module.finish());
  assert.equal([...text.matchAll(/v128\.const/g)].length, 2, text); // 3, and 0 where it is used
  assert.ok(text.indexOf("v128.const") < text.indexOf("(loop"), text);
});

Deno.test("structs keep vectors and numbers outside of the memory, each function's the same ones", () => {
  let text = "";
  const { functions, memory } = assembled((module) => {
    const vectors = module.structs("v128", 3, 2);
    const numbers = module.structs("f32", 2, 4);
    assert.equal(module.structs("v128", 3, 5), vectors);
    module.function({ parameters: ["i64", "f32"], name: "set" }, (f) => {
      const index = f.parameter("i64", 0);
      f.makeStruct(vectors, index);
      f.makeStruct(vectors, index); // keeps what is there
      f.setField(f.struct(vectors, index), 2, f32x4.const(7));
      f.makeStruct(numbers, index);
      f.setField(f.struct(numbers, index), 1, f.parameter("f32", 1));
      assert.throws(
        () => f.setField(f.struct(numbers, index), 1, f32x4.const(1)),
        /A field of f32 cannot hold v128/,
      );
    });
    module.function({ parameters: ["i64"], name: "get" }, (f) => {
      const index = f.parameter("i64", 0);
      const [a, b] = [f.struct(vectors, index), f.struct(numbers, index)];
      const at = i64.const(DATA);
      f.store(at, f32x4.add(f.field(a, 2), f.field(b, 1)));
      f.store(at, f32x4.add(f.field(a, 0), f.field(b, 0)), 16); // zeros
    });
    text = printModule(module.finish());
  });
  const found = new Float32Array(memory.buffer, memory.byteOffset, 8);
  for (const [index, value] of [[3, 0.5], [1, 2], [3, -4]]) {
    functions.set(BigInt(index), value);
    functions.get(BigInt(index));
    assert.deepEqual([...found], [
      ...Array(4).fill(7 + value),
      ...Array(4).fill(0),
    ]);
  }
  assert.throws(() => functions.get(2n)); // there is none yet
  assert.match(
    text,
    /\(type \(;0;\) \(struct \(field \(mut v128\) \(mut v128\) \(mut v128\)\)\)\)\n *\(type \(;1;\) \(array \(mut \(ref null 0\)\)\)\)/,
  );
  assert.match(
    text,
    /\(global \(ref 1\) \(array\.new_default 1 \(i32\.const 5\)\)\)/,
  );
  assert.match(
    text,
    /\(struct\.get 0 2 \(local\.get \d+\)\)/,
  );
});
