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
import { sourcesOf } from "../../../backends/cpu/source.ts";
import { cpuBackend } from "./open.ts";

Deno.test("WebAssembly is printed of every kernel, with a BLAS and without", () => {
  for (const blas of [false, true]) {
    for (const name of kernelNames) {
      const sources = sourcesOf(examplePlan(name), { blas });
      assert.ok(sources.length > 0, name);
      for (const { text } of sources) {
        const brackets = (bracket: string) => text.split(bracket).length;
        assert.equal(brackets("("), brackets(")"), name);
        assert.match(text, /^;; .*\n(\(module\n|$)/);
      }
    }
  }
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
