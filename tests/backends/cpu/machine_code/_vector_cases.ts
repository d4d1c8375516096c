/** Instructions of vectors, as binutils' `objdump -D -M intel` reads them. */
import type { Encoder } from "../../../../backends/cpu/machine_code/encoder.ts";
import {
  R10,
  R11,
  R12,
  R8,
  R9,
  RAX,
  RBX,
  RDX,
} from "../../../../backends/cpu/machine_code/place.ts";

/** What objdump reads, the bytes, and how they are made. */
export const VECTOR_CASES: readonly (readonly [
  string,
  string,
  (code: Encoder) => void,
])[] = [
  [
    "vxorps xmm3,xmm3,xmm3",
    "c4 e1 60 57 db",
    (code) => code.clearVector(256, 3),
  ],
  [
    "vxorps xmm12,xmm12,xmm12",
    "c4 41 18 57 e4",
    (code) => code.clearVector(256, 12),
  ],
  [
    "vpxord zmm7,zmm7,zmm7",
    "62 f1 45 48 ef ff",
    (code) => code.clearVector(512, 7),
  ],
  [
    "vpxord zmm23,zmm23,zmm23",
    "62 a1 45 40 ef ff",
    (code) => code.clearVector(512, 23),
  ],
  ["kmovw k1,r8d", "c4 c1 78 92 c8", (code) => code.maskFrom(1, R8)],
  ["kmovw k2,eax", "c4 e1 78 92 d0", (code) => code.maskFrom(2, RAX)],
  [
    "vmovups xmm3,XMMWORD PTR [rax+r11*1+0x0]",
    "c4 a1 78 10 5c 18 00",
    (code) =>
      code.vector(128, "vmovups", {
        target: 3,
        second: { base: RAX, index: R11 },
      }),
  ],
  [
    "vmovups xmm0,XMMWORD PTR [r10+rdx*2+0x0]",
    "c4 c1 78 10 44 52 00",
    (code) =>
      code.vector(128, "vmovups", {
        target: 0,
        second: { base: R10, index: RDX, scale: 2 },
      }),
  ],
  [
    "vmovups ymm13,YMMWORD PTR [rbx+0x60]",
    "c4 61 7c 10 6b 60",
    (code) =>
      code.vector(256, "vmovups", {
        target: 13,
        second: { base: RBX, offset: 96 },
      }),
  ],
  [
    "vmovups ymm2,YMMWORD PTR [rbx+0x100]",
    "c4 e1 7c 10 93 00 01 00 00",
    (code) =>
      code.vector(256, "vmovups", {
        target: 2,
        second: { base: RBX, offset: 256 },
      }),
  ],
  [
    "vmovups zmm25,ZMMWORD PTR [rbx+0x40]",
    "62 61 7c 48 10 4b 01",
    (code) =>
      code.vector(512, "vmovups", {
        target: 25,
        second: { base: RBX, offset: 64 },
      }),
  ],
  [
    "vmovups zmm1,ZMMWORD PTR [rbx-0x2000]",
    "62 f1 7c 48 10 4b 80",
    (code) =>
      code.vector(512, "vmovups", {
        target: 1,
        second: { base: RBX, offset: -8192 },
      }),
  ],
  [
    "vmovups zmm9,ZMMWORD PTR [r12+0x2000]",
    "62 51 7c 48 10 8c 24 00 20 00 00",
    (code) =>
      code.vector(512, "vmovups", {
        target: 9,
        second: { base: R12, offset: 8192 },
      }),
  ],
  [
    "vmovups zmm0,ZMMWORD PTR [rax+0x20]",
    "62 f1 7c 48 10 80 20 00 00 00",
    (code) =>
      code.vector(512, "vmovups", {
        target: 0,
        second: { base: RAX, offset: 32 },
      }),
  ],
  [
    "vmovups zmm1{k1}{z},ZMMWORD PTR [rax+0x0]",
    "62 f1 7c c9 10 48 00",
    (code) =>
      code.vector(512, "vmovups", {
        target: 1,
        second: { base: RAX },
        mask: 1,
        zeroing: true,
      }),
  ],
  [
    "vmovups YMMWORD PTR [rbx+0x0],ymm11",
    "c4 61 7c 11 5b 00",
    (code) =>
      code.vector(256, "vmovupsStore", { target: 11, second: { base: RBX } }),
  ],
  [
    "vmovups ZMMWORD PTR [rdx+0x40],zmm22",
    "62 e1 7c 48 11 72 01",
    (code) =>
      code.vector(512, "vmovupsStore", {
        target: 22,
        second: { base: RDX, offset: 64 },
      }),
  ],
  [
    "vmovups ZMMWORD PTR [rdx+0x40]{k1},zmm23",
    "62 e1 7c 49 11 7a 01",
    (code) =>
      code.vector(512, "vmovupsStore", {
        target: 23,
        second: { base: RDX, offset: 64 },
        mask: 1,
      }),
  ],
  [
    "vbroadcastss ymm15,DWORD PTR [rax+0xc]",
    "c4 62 7d 18 78 0c",
    (code) =>
      code.vector(256, "vbroadcastss", {
        target: 15,
        second: { base: RAX, offset: 12 },
      }),
  ],
  [
    "vbroadcastss zmm27,DWORD PTR [rax+0xbc]",
    "62 62 7d 48 18 58 2f",
    (code) =>
      code.vector(512, "vbroadcastss", {
        target: 27,
        second: { base: RAX, offset: 188 },
      }),
  ],
  [
    "vbroadcastss zmm26,DWORD PTR [r9+0x258]",
    "62 42 7d 48 18 91 58 02 00 00",
    (code) =>
      code.vector(512, "vbroadcastss", {
        target: 26,
        second: { base: R9, offset: 600 },
      }),
  ],
  [
    "vmulps ymm4,ymm12,ymm4",
    "c4 e1 1c 59 e4",
    (code) => code.vector(256, "vmulps", { target: 4, first: 12, second: 4 }),
  ],
  [
    "vmulps zmm20,zmm24,zmm20",
    "62 a1 3c 40 59 e4",
    (code) => code.vector(512, "vmulps", { target: 20, first: 24, second: 20 }),
  ],
  [
    "vfmadd231ps ymm11,ymm15,ymm14",
    "c4 42 05 b8 de",
    (code) =>
      code.vector(256, "vfmadd231ps", { target: 11, first: 15, second: 14 }),
  ],
  [
    "vfmadd231ps ymm0,ymm3,ymm8",
    "c4 c2 65 b8 c0",
    (code) =>
      code.vector(256, "vfmadd231ps", { target: 0, first: 3, second: 8 }),
  ],
  [
    "vfmadd231ps zmm23,zmm27,zmm25",
    "62 82 25 40 b8 f9",
    (code) =>
      code.vector(512, "vfmadd231ps", { target: 23, first: 27, second: 25 }),
  ],
  [
    "vfmadd231ps zmm7,zmm14,zmm24",
    "62 92 0d 48 b8 f8",
    (code) =>
      code.vector(512, "vfmadd231ps", { target: 7, first: 14, second: 24 }),
  ],
  [
    "vfmadd231ps zmm16,zmm31,zmm8",
    "62 c2 05 40 b8 c0",
    (code) =>
      code.vector(512, "vfmadd231ps", { target: 16, first: 31, second: 8 }),
  ],
  [
    "vfmadd213ps ymm10,ymm12,YMMWORD PTR [rdx+0x40]",
    "c4 62 1d a8 52 40",
    (code) =>
      code.vector(256, "vfmadd213ps", {
        target: 10,
        first: 12,
        second: { base: RDX, offset: 64 },
      }),
  ],
  [
    "vfmadd213ps ymm10,ymm12,ymm14",
    "c4 42 1d a8 d6",
    (code) =>
      code.vector(256, "vfmadd213ps", { target: 10, first: 12, second: 14 }),
  ],
  [
    "vfmadd213ps zmm23{k1},zmm24,ZMMWORD PTR [rdx+0x40]",
    "62 e2 3d 41 a8 7a 01",
    (code) =>
      code.vector(512, "vfmadd213ps", {
        target: 23,
        first: 24,
        second: { base: RDX, offset: 64 },
        mask: 1,
      }),
  ],
  [
    "vfmadd213ps zmm5,zmm24,ZMMWORD PTR [rdx+0x0]",
    "62 f2 3d 40 a8 6a 00",
    (code) =>
      code.vector(512, "vfmadd213ps", {
        target: 5,
        first: 24,
        second: { base: RDX },
      }),
  ],
  [
    "vunpcklps ymm4,ymm0,ymm1",
    "c4 e1 7c 14 e1",
    (code) => code.vector(256, "vunpcklps", { target: 4, first: 0, second: 1 }),
  ],
  [
    "vunpcklps zmm6,zmm2,zmm3",
    "62 f1 6c 48 14 f3",
    (code) => code.vector(512, "vunpcklps", { target: 6, first: 2, second: 3 }),
  ],
  [
    "vunpckhps ymm5,ymm0,ymm1",
    "c4 e1 7c 15 e9",
    (code) => code.vector(256, "vunpckhps", { target: 5, first: 0, second: 1 }),
  ],
  [
    "vunpckhps zmm7,zmm2,zmm3",
    "62 f1 6c 48 15 fb",
    (code) => code.vector(512, "vunpckhps", { target: 7, first: 2, second: 3 }),
  ],
  [
    "vunpcklpd ymm8,ymm4,ymm6",
    "c4 61 5d 14 c6",
    (code) => code.vector(256, "vunpcklpd", { target: 8, first: 4, second: 6 }),
  ],
  [
    "vunpcklpd zmm10,zmm5,zmm7",
    "62 71 d5 48 14 d7",
    (code) =>
      code.vector(512, "vunpcklpd", { target: 10, first: 5, second: 7 }),
  ],
  [
    "vunpckhpd ymm9,ymm4,ymm6",
    "c4 61 5d 15 ce",
    (code) => code.vector(256, "vunpckhpd", { target: 9, first: 4, second: 6 }),
  ],
  [
    "vunpckhpd zmm11,zmm5,zmm7",
    "62 71 d5 48 15 df",
    (code) =>
      code.vector(512, "vunpckhpd", { target: 11, first: 5, second: 7 }),
  ],
  [
    "vinsertf128 ymm2,ymm2,XMMWORD PTR [r8+r11*1+0x0],0x1",
    "c4 83 6d 18 54 18 00 01",
    (code) =>
      code.vector(256, "vinsertf", {
        target: 2,
        first: 2,
        second: { base: R8, index: R11 },
        immediate: 1,
      }),
  ],
  [
    "vinsertf32x4 zmm0,zmm0,XMMWORD PTR [r9+0x0],0x2",
    "62 d3 7d 48 18 41 00 02",
    (code) =>
      code.vector(512, "vinsertf", {
        target: 0,
        first: 0,
        second: { base: R9 },
        immediate: 2,
      }),
  ],
  [
    "vinsertf32x4 zmm3,zmm3,XMMWORD PTR [r10+rdx*2+0x30],0x3",
    "62 d3 65 48 18 5c 52 03 03",
    (code) =>
      code.vector(512, "vinsertf", {
        target: 3,
        first: 3,
        second: { base: R10, index: RDX, scale: 2, offset: 48 },
        immediate: 3,
      }),
  ],
  [
    "vmaskmovps ymm14,ymm13,YMMWORD PTR [rdx+0x20]",
    "c4 62 15 2c 72 20",
    (code) =>
      code.vector(256, "vmaskmovps", {
        target: 14,
        first: 13,
        second: { base: RDX, offset: 32 },
      }),
  ],
  [
    "vmaskmovps YMMWORD PTR [rdx+0x40],ymm13,ymm9",
    "c4 62 15 2e 4a 40",
    (code) =>
      code.vector(256, "vmaskmovpsStore", {
        target: 9,
        first: 13,
        second: { base: RDX, offset: 64 },
      }),
  ],
];
