/** What is printed of a kernel is what runs. */
import assert from "node:assert/strict";
import { examplePlan, kernelNames } from "../../../core/graph/example_call.ts";
import {
  f32x4,
  i64,
  ModuleBuilder,
  printModule,
  v128,
} from "../../../backends/cpu/assembler/mod.ts";
import type { LibrariesFound } from "../../../backends/cpu/blas/opened.ts";
import { machineCodeOf } from "../../../backends/cpu/machine_code/machine_code.ts";
import { sourcesOf } from "../../../backends/cpu/source.ts";
import { cpuBackend } from "./open.ts";

const LIBRARY: LibrariesFound["blas"] = {
  path: "libopenblas.so.0",
  library: "OpenBLAS",
  description: "OpenBLAS 0.3.21 (SkylakeX)",
};
const NOTHING: LibrariesFound = { blas: null, small: null, bfloat16: null };
const WIDE = machineCodeOf(512);

Deno.test("WebAssembly is printed of every kernel, with libraries, with machine code and without", () => {
  for (
    const found of [
      NOTHING,
      { ...NOTHING, blas: LIBRARY },
      { ...NOTHING, blas: WIDE },
      { ...NOTHING, blas: LIBRARY, small: WIDE },
    ]
  ) {
    for (const name of kernelNames) {
      const sources = sourcesOf(examplePlan(name), { found, workers: 2 });
      assert.ok(sources.length > 0, name);
      for (const { text } of sources) {
        const brackets = (bracket: string) => text.split(bracket).length;
        assert.equal(brackets("("), brackets(")"), name);
        assert.match(text, /^;; .*\n(\(module\n|$)/);
      }
    }
  }
});

Deno.test("a loop over elements says where machine code does whole vectors of it", () => {
  const printed = (found: LibrariesFound, change = {}) =>
    sourcesOf(examplePlan("rows", change), { found, workers: 1 })
      .map(({ text }) => text).join("");
  const remark = /; whole vectors of 16 by machine code \(AVX-512\)/;
  const found = { ...NOTHING, blas: WIDE };
  const doubled = {
    program: {
      inputs: ["matrix"],
      outputs: ["matrix"],
      stages: [{
        kind: "write",
        output: 0,
        value: {
          kind: "binary",
          op: "add",
          a: { kind: "input", input: 0 },
          b: { kind: "input", input: 0 },
        },
      }],
    },
  };
  assert.match(printed(found, doubled), remark);
  assert.match(printed(found, doubled), /f32x4\.add/); // what is left
  assert.doesNotMatch(printed(NOTHING, doubled), remark);
  assert.doesNotMatch(printed(found), remark); // its rows have sums
});

Deno.test("a product is said to be by what does it", () => {
  const printed = (found: LibrariesFound, attributes = {}) =>
    sourcesOf(examplePlan("matmul", attributes), { found, workers: 1 })
      .map(({ text }) => text).join("");
  const large = {}, small = { m: 256, n: 128 };
  const both = { ...NOTHING, blas: LIBRARY, small: WIDE };
  assert.match(printed(both, large), /f32 factors by OpenBLAS 0\.3\.21/);
  assert.match(printed(both, small), /f32 factors by machine code \(AVX-512\)/);
  for (const sizes of [large, small]) {
    const of = (blas: LibrariesFound["blas"]) =>
      printed({ ...NOTHING, blas }, sizes);
    assert.match(of(LIBRARY), /by OpenBLAS/);
    assert.match(of(WIDE), /by machine code/);
    assert.match(of(null), /f32x4\.relaxed_madd/);
  }
  const bfloat16 = { path: "libdnnl.so.3", description: "oneDNN 3.5" };
  const halves = { factors: "bf16" };
  assert.match(
    printed({ ...both, bfloat16 }, halves),
    /bf16 factors by oneDNN 3\.5/,
  );
  assert.throws(() => printed(both, halves), { name: "DeviceError" });
});

Deno.test("a statement is a line, with what it computes folded into it", () => {
  const module = new ModuleBuilder();
  module.function({ parameters: ["i64", "i64"], name: "double" }, (f) => {
    const [at, end] = [f.parameter("i64", 0), f.parameter("i64", 1)];
    f.for(at, end, 16, (i) => {
      const value = v128.load(i, 32);
      f.store(i, f32x4.mul(value, f32x4.const(2)));
    });
    f.if(i64.eqz(at), () => f.trap(), () => f.return());
  });
  assert.equal(
    printModule(module.finish()),
    `(module
  (import "env" "memory" (memory i64 1 262144 shared))
  (export "double" (func 0))
  (func (;0;) (param i64 i64)
    (local i64 v128)
    (local.set 3 (v128.const i32x4 0x40000000 0x40000000 0x40000000 0x40000000))
    (local.set 2 (local.get 0))
    (if (i64.lt_s (local.get 2) (local.get 1)) (then
      (loop
        (v128.store align=1 (local.get 2) (f32x4.mul (v128.load offset=32 align=1 (local.get 2)) (local.get 3)))
        (local.set 2 (i64.add (local.get 2) (i64.const 16)))
        (br_if 0 (i64.lt_s (local.get 2) (local.get 1)))
      )
    ))
    (if (i64.eqz (local.get 0)) (then
      (unreachable)
    ) (else
      (return)
    ))
  )
)
`,
  );
});

Deno.test("the backend offers the code of a plan", async () => {
  const backend = await cpuBackend({ blas: "off" });
  const [source] = await backend.source?.(examplePlan("matmul")) ?? [];
  assert.equal(source.language, "WebAssembly");
  assert.match(source.text, /f32x4\.relaxed_madd/);
});
