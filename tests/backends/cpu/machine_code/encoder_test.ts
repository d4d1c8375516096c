/** Bytes of instructions beside those in which binutils' `objdump -D -M intel` read what was meant. */
import assert from "node:assert/strict";
import {
  Encoder,
  Label,
} from "../../../../backends/cpu/machine_code/encoder.ts";
import { R15 } from "../../../../backends/cpu/machine_code/place.ts";
import { GENERAL_CASES } from "./_general_cases.ts";
import { VECTOR_CASES } from "./_vector_cases.ts";
import { WEIGHT_CASES } from "./_weight_cases.ts";

function hex(bytes: Uint8Array): string {
  return [...bytes].map((b) => b.toString(16).padStart(2, "0")).join(" ");
}

Deno.test("instructions have the bytes that objdump reads as meant", () => {
  const cases = [...GENERAL_CASES, ...VECTOR_CASES, ...WEIGHT_CASES];
  for (const [text, bytes, build] of cases) {
    const code = new Encoder();
    build(code);
    assert.equal(hex(code.bytes()), bytes, text);
  }
});

Deno.test("jumps count from behind their distance, to labels before and behind them", () => {
  const code = new Encoder();
  const before = new Label(), behind = new Label();
  code.place(before);
  code.jumpIf("notZero", behind); // 6 bytes
  code.jump(before); // 5 bytes
  code.place(behind);
  code.ret();
  assert.equal(hex(code.bytes()), "0f 85 05 00 00 00 e9 f5 ff ff ff c3");
});

Deno.test("the address of a label counts from the next instruction", () => {
  const code = new Encoder();
  const behind = new Label();
  code.addressOf(R15, behind); // lea r15,[rip+0x1]
  code.ret();
  code.place(behind);
  assert.equal(hex(code.bytes()), "4c 8d 3d 01 00 00 00 c3");
});
