/** Instructions of whole numbers, jumps and features, as binutils' `objdump -D -M intel` reads them. */
import type { Encoder } from "../../../../backends/cpu/machine_code/encoder.ts";
import {
  R10,
  R11,
  R12,
  R13,
  R14,
  R15,
  R8,
  R9,
  RAX,
  RBP,
  RBX,
  RCX,
  RDI,
  RDX,
  RSI,
  RSP,
} from "../../../../backends/cpu/machine_code/place.ts";

/** What objdump reads, the bytes, and how they are made. */
export const GENERAL_CASES: readonly (readonly [
  string,
  string,
  (code: Encoder) => void,
])[] = [
  ["mov rax,r9", "4c 89 c8", (code) => code.move(RAX, R9)],
  ["mov r14,rdx", "49 89 d6", (code) => code.move(R14, RDX)],
  ["add rdx,rsi", "48 01 f2", (code) => code.add(RDX, RSI)],
  ["sub r10,r9", "4d 29 ca", (code) => code.subtract(R10, R9)],
  ["imul rax,rdx", "48 0f af c2", (code) => code.multiply(RAX, RDX)],
  ["imul r11,rsi", "4c 0f af de", (code) => code.multiply(R11, RSI)],
  ["cmp rax,rcx", "48 39 c8", (code) => code.compare(RAX, RCX)],
  ["test r9,r9", "4d 85 c9", (code) => code.test(R9)],
  ["xor r12,r12", "4d 31 e4", (code) => code.clear(R12)],
  [
    "mov rsi,0x30",
    "48 c7 c6 30 00 00 00",
    (code) => code.moveConstant(RSI, 48),
  ],
  [
    "mov r8,0xffffffffffffffff",
    "49 c7 c0 ff ff ff ff",
    (code) => code.moveConstant(R8, -1),
  ],
  [
    "add rbx,0x12345678",
    "48 81 c3 78 56 34 12",
    (code) => code.addConstant(RBX, 0x12345678),
  ],
  ["and rcx,0x3", "48 81 e1 03 00 00 00", (code) => code.andConstant(RCX, 3)],
  [
    "sub rbp,0x20",
    "48 81 ed 20 00 00 00",
    (code) => code.subtractConstant(RBP, 32),
  ],
  [
    "cmp r14,0xc8",
    "49 81 fe c8 00 00 00",
    (code) => code.compareConstant(R14, 200),
  ],
  [
    "imul rsi,r13,0x40",
    "49 69 f5 40 00 00 00",
    (code) => code.multiplyConstant(RSI, R13, 64),
  ],
  [
    "imul r12,rax,0x6",
    "4c 69 e0 06 00 00 00",
    (code) => code.multiplyConstant(R12, RAX, 6),
  ],
  ["shl r9,0x4", "49 c1 e1 04", (code) => code.shiftLeft(R9, 4)],
  ["shr rcx,0x2", "48 c1 e9 02", (code) => code.shiftRight(RCX, 2)],
  ["shl r8,cl", "49 d3 e0", (code) => code.shiftLeftByRcx(R8)],
  ["dec r9", "49 ff c9", (code) => code.decrement(R9)],
  ["dec rcx", "48 ff c9", (code) => code.decrement(RCX)],
  ["rex push rbx", "40 53", (code) => code.push(RBX)],
  ["push r15", "41 57", (code) => code.push(R15)],
  ["pop r12", "41 5c", (code) => code.pop(R12)],
  [
    "mov rax,QWORD PTR [rdi+0x58]",
    "48 8b 47 58",
    (code) => code.load(RAX, { base: RDI, offset: 88 }),
  ],
  [
    "mov r15,QWORD PTR [rdi+0x80]",
    "4c 8b bf 80 00 00 00",
    (code) => code.load(R15, { base: RDI, offset: 128 }),
  ],
  [
    "mov rbx,QWORD PTR [r12+0x0]",
    "49 8b 5c 24 00",
    (code) => code.load(RBX, { base: R12 }),
  ],
  [
    "mov rbx,QWORD PTR [r13+0x0]",
    "49 8b 5d 00",
    (code) => code.load(RBX, { base: R13 }),
  ],
  [
    "mov rcx,QWORD PTR [rsp+0x8]",
    "48 8b 4c 24 08",
    (code) => code.load(RCX, { base: RSP, offset: 8 }),
  ],
  [
    "mov QWORD PTR [rdi+0xa0],r10",
    "4c 89 97 a0 00 00 00",
    (code) => code.store({ base: RDI, offset: 160 }, R10),
  ],
  [
    "mov r12d,DWORD PTR [r8+r11*1+0x0]",
    "47 8b 64 18 00",
    (code) => code.load32(R12, { base: R8, index: R11 }),
  ],
  [
    "rex mov eax,DWORD PTR [rdx+rdx*2+0x0]",
    "40 8b 44 52 00",
    (code) => code.load32(RAX, { base: RDX, index: RDX, scale: 2 }),
  ],
  [
    "mov DWORD PTR [rbx+0x3c],r12d",
    "44 89 63 3c",
    (code) => code.store32({ base: RBX, offset: 60 }, R12),
  ],
  [
    "lea rax,[rax+rcx*4+0x0]",
    "48 8d 44 88 00",
    (code) => code.address(RAX, { base: RAX, index: RCX, scale: 4 }),
  ],
  [
    "lea r11,[rdx+r10*8-0x8]",
    "4e 8d 5c d2 f8",
    (code) =>
      code.address(R11, { base: RDX, index: R10, scale: 8, offset: -8 }),
  ],
  [
    "lea r10,[r9+rdx*4+0x400]",
    "4d 8d 94 91 00 04 00 00",
    (code) =>
      code.address(R10, { base: R9, index: RDX, scale: 4, offset: 1024 }),
  ],
  [
    "prefetcht0 BYTE PTR [r8+0x40]",
    "41 0f 18 48 40",
    (code) => code.prefetch({ base: R8, offset: 64 }),
  ],
  [
    "prefetcht0 BYTE PTR [r14+rsi*1+0x0]",
    "41 0f 18 4c 36 00",
    (code) => code.prefetch({ base: R14, index: RSI }),
  ],
  [
    "prefetcht0 BYTE PTR [rdx+r12*2+0x40]",
    "42 0f 18 4c 62 40",
    (code) => code.prefetch({ base: RDX, index: R12, scale: 2, offset: 64 }),
  ],
  [
    "rex prefetcht0 BYTE PTR [rdx+0x0]",
    "40 0f 18 4a 00",
    (code) => code.prefetch({ base: RDX }),
  ],
  [
    "call QWORD PTR [r15+r12*8+0x0]",
    "43 ff 54 e7 00",
    (code) => code.callAt({ base: R15, index: R12, scale: 8 }),
  ],
  [
    "call QWORD PTR [r15+rax*8+0x0]",
    "41 ff 54 c7 00",
    (code) => code.callAt({ base: R15, index: RAX, scale: 8 }),
  ],
  ["ret", "c3", (code) => code.ret()],
  ["endbr64", "f3 0f 1e fa", (code) => code.callable()],
  ["cpuid", "0f a2", (code) => code.cpuid()],
  ["xgetbv", "0f 01 d0", (code) => code.xgetbv()],
  ["vzeroupper", "c5 f8 77", (code) => code.zeroUpper()],
];
