/** Instructions that only weights of attention use, as binutils' `objdump -D -M intel` reads them. */
import type { Encoder } from "../../../../backends/cpu/machine_code/encoder.ts";
import {
  R12,
  R15,
  R9,
  RAX,
  RBX,
  RCX,
  RDX,
} from "../../../../backends/cpu/machine_code/place.ts";

/** What objdump reads, the bytes, and how they are made. */
export const WEIGHT_CASES: readonly (readonly [
  string,
  string,
  (code: Encoder) => void,
])[] = [
  [
    "vaddps ymm8,ymm9,ymm2",
    "c4 61 34 58 c2",
    (code) => code.vector(256, "vaddps", { target: 8, first: 9, second: 2 }),
  ],
  [
    "vaddps zmm8,zmm18,zmm27",
    "62 11 6c 40 58 c3",
    (code) => code.vector(512, "vaddps", { target: 8, first: 18, second: 27 }),
  ],
  [
    "vsubps zmm2,zmm1,zmm18",
    "62 b1 74 48 5c d2",
    (code) => code.vector(512, "vsubps", { target: 2, first: 1, second: 18 }),
  ],
  [
    "vsubps ymm2,ymm1,YMMWORD PTR [r15+0x80]",
    "c4 c1 74 5c 97 80 00 00 00",
    (code) =>
      code.vector(256, "vsubps", {
        target: 2,
        first: 1,
        second: { base: R15, offset: 128 },
      }),
  ],
  [
    "vmaxps ymm0,ymm1,ymm0",
    "c4 e1 74 5f c0",
    (code) => code.vector(256, "vmaxps", { target: 0, first: 1, second: 0 }),
  ],
  [
    "vmaxps zmm8{k1},zmm0,zmm8",
    "62 51 7c 49 5f c0",
    (code) =>
      code.vector(512, "vmaxps", { target: 8, first: 0, second: 8, mask: 1 }),
  ],
  [
    "vandps ymm3,ymm3,ymm0",
    "c4 e1 64 54 d8",
    (code) => code.vector(256, "vandps", { target: 3, first: 3, second: 0 }),
  ],
  [
    "vfnmadd231ps ymm0,ymm2,YMMWORD PTR [r15+0xc0]",
    "c4 c2 6d bc 87 c0 00 00 00",
    (code) =>
      code.vector(256, "vfnmadd231ps", {
        target: 0,
        first: 2,
        second: { base: R15, offset: 192 },
      }),
  ],
  [
    "vfnmadd231ps zmm0,zmm2,zmm19",
    "62 b2 6d 48 bc c3",
    (code) =>
      code.vector(512, "vfnmadd231ps", { target: 0, first: 2, second: 19 }),
  ],
  [
    "vpaddd ymm11,ymm11,YMMWORD PTR [r15+0x300]",
    "c4 41 25 fe 9f 00 03 00 00",
    (code) =>
      code.vector(256, "vpaddd", {
        target: 11,
        first: 11,
        second: { base: R15, offset: 768 },
      }),
  ],
  [
    "vpaddd zmm10,zmm10,zmm28",
    "62 11 2d 48 fe d4",
    (code) => code.vector(512, "vpaddd", { target: 10, first: 10, second: 28 }),
  ],
  [
    "vpcmpgtd ymm3,ymm4,ymm10",
    "c4 c1 5d 66 da",
    (code) => code.vector(256, "vpcmpgtd", { target: 3, first: 4, second: 10 }),
  ],
  [
    "vpcmpgtd k1,zmm4,zmm10",
    "62 d1 5d 48 66 ca",
    (code) => code.vector(512, "vpcmpgtd", { target: 1, first: 4, second: 10 }),
  ],
  [
    "vpcmpeqd ymm0,ymm7,ymm0",
    "c4 e1 45 76 c0",
    (code) => code.vector(256, "vpcmpeqd", { target: 0, first: 7, second: 0 }),
  ],
  [
    "vpcmpeqd k1{k1},zmm7,ZMMWORD PTR [r12+rax*1+0x0]",
    "62 d1 45 49 76 4c 04 00",
    (code) =>
      code.vector(512, "vpcmpeqd", {
        target: 1,
        first: 7,
        second: { base: R12, index: RAX },
        mask: 1,
      }),
  ],
  [
    "vpslld ymm1,ymm1,0x17",
    "c4 e1 75 72 f1 17",
    (code) => code.shiftLanesLeft(256, { target: 1, from: 1, bits: 23 }),
  ],
  [
    "vpslld zmm1,zmm17,0x17",
    "62 b1 75 48 72 f1 17",
    (code) => code.shiftLanesLeft(512, { target: 1, from: 17, bits: 23 }),
  ],
  [
    "vpermilps ymm0,ymm8,0x4e",
    "c4 c3 7d 04 c0 4e",
    (code) =>
      code.vector(256, "vpermilps", { target: 0, second: 8, immediate: 0x4e }),
  ],
  [
    "vpermilps zmm0,zmm8,0xb1",
    "62 d3 7d 48 04 c0 b1",
    (code) =>
      code.vector(512, "vpermilps", { target: 0, second: 8, immediate: 0xb1 }),
  ],
  [
    "vperm2f128 ymm0,ymm8,ymm8,0x1",
    "c4 c3 3d 06 c0 01",
    (code) =>
      code.vector(256, "vperm2f128", {
        target: 0,
        first: 8,
        second: 8,
        immediate: 1,
      }),
  ],
  [
    "vshuff32x4 zmm0,zmm8,zmm8,0x4e",
    "62 d3 3d 48 23 c0 4e",
    (code) =>
      code.vector(512, "vshuff32x4", {
        target: 0,
        first: 8,
        second: 8,
        immediate: 0x4e,
      }),
  ],
  [
    "vblendvps ymm0,ymm13,ymm0,ymm3",
    "c4 e3 15 4a c0 30",
    (code) =>
      code.vector(256, "vblendvps", {
        target: 0,
        first: 13,
        second: 0,
        immediate: 0x30,
      }),
  ],
  [
    "vmovd DWORD PTR [rbx+0x0],xmm13",
    "c4 61 79 7e 6b 00",
    (code) =>
      code.vector(128, "vmovdStore", { target: 13, second: { base: RBX } }),
  ],
  [
    "vmulps zmm2{k1}{z},zmm2,zmm1",
    "62 f1 6c c9 59 d1",
    (code) =>
      code.vector(512, "vmulps", {
        target: 2,
        first: 2,
        second: 1,
        mask: 1,
        zeroing: true,
      }),
  ],
  [
    "vmaskmovps ymm0,ymm3,YMMWORD PTR [r12+rax*1+0x20]",
    "c4 c2 65 2c 44 04 20",
    (code) =>
      code.vector(256, "vmaskmovps", {
        target: 0,
        first: 3,
        second: { base: R12, index: RAX, offset: 32 },
      }),
  ],
  [
    "vmovups ymm1,ymm13",
    "c4 c1 7c 10 cd",
    (code) => code.vector(256, "vmovups", { target: 1, second: 13 }),
  ],
  [
    "vmovups zmm16,ZMMWORD PTR [r15+0x0]",
    "62 c1 7c 48 10 47 00",
    (code) =>
      code.vector(512, "vmovups", { target: 16, second: { base: R15 } }),
  ],
  [
    "cmovg rax,rcx",
    "48 0f 4f c1",
    (code) => code.moveIf("greater", RAX, RCX),
  ],
  [
    "cmovl rdx,r9",
    "49 0f 4c d1",
    (code) => code.moveIf("less", RDX, R9),
  ],
  [
    "vdivps ymm13,ymm13,ymm8",
    "c4 41 14 5e e8",
    (code) => code.vector(256, "vdivps", { target: 13, first: 13, second: 8 }),
  ],
  [
    "vdivps zmm12,zmm8,zmm14",
    "62 51 3c 48 5e e6",
    (code) => code.vector(512, "vdivps", { target: 12, first: 8, second: 14 }),
  ],
];
