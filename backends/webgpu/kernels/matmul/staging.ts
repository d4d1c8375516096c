/**
 * Copies a block of an operand into workgroup memory, vec4 by vec4; elements beyond the operand are 0.
 * @module
 */
import type { Scope } from "../../shader/dispatch.ts";
import { each } from "../../shader/numbers.ts";

/** A block of one operand, and where it is put. Names are those of the kernel's WGSL. */
export interface Stage {
  readonly block: number;
  readonly bk: number;
  /** First row (or column) of the block, and how many the operand has. */
  readonly first: string;
  readonly limit: string;
  readonly start: string;
  readonly into: string;
  /** How workgroup memory holds it. */
  readonly staged: "f32" | "f16";
  readonly invocations: number;
}

/** Stages rows that are contiguous along the inner size: [row][k4], rows padded by one vec4 against bank conflicts. */
export function stageAlong(
  scope: Scope,
  name: string,
  { block, bk, first, limit, K, start, into, staged, invocations }: Stage & {
    K: string;
  },
): string {
  const tensor = scope.tensor(name);
  const at = `${start} + row * ${K} + q`;
  const load = tensor.wide
    ? `if (row < ${limit} && q < kEnd) { value = ${
      tensor.loadWideAs(staged, `(${at}) / 4u`)
    }; }`
    : `if (row < ${limit}) {
${
      each(4, (c) =>
        `if (q + ${c}u < kEnd) { value.${"xyzw"[c]} = ${staged}(${
          tensor.load(`${at} + ${c}u`)
        }); }`)
    }
}`;
  return rounds(
    block * bk / 4,
    invocations,
    (n) =>
      `let row = ${first} + ${n} / ${bk / 4}u;
let q = k0 + (${n} % ${bk / 4}u) * 4u;
var value = vec4<${staged}>();
${load}
${into}_[(${n} / ${bk / 4}u) * ${bk / 4 + 1}u + ${n} % ${bk / 4}u] = value;`,
  );
}

/** Stages columns that are contiguous across the inner size: [k][n4]. */
export function stageAcross(
  scope: Scope,
  name: string,
  { block, bk, first, limit, start, into, staged, invocations }: Stage,
): string {
  const tensor = scope.tensor(name);
  const at = `${start} + q * ${limit} + column`;
  const load = tensor.wide
    ? `if (q < kEnd && column < ${limit}) { value = ${
      tensor.loadWideAs(staged, `(${at}) / 4u`)
    }; }`
    : `if (q < kEnd) {
${
      each(4, (c) =>
        `if (column + ${c}u < ${limit}) { value.${"xyzw"[c]} = ${staged}(${
          tensor.load(`${at} + ${c}u`)
        }); }`)
    }
}`;
  return rounds(
    block * bk / 4,
    invocations,
    (n) =>
      `let q = k0 + ${n} / ${block / 4}u;
let column = ${first} + (${n} % ${block / 4}u) * 4u;
var value = vec4<${staged}>();
${load}
${into}_[${n}] = value;`,
  );
}

/**
 * Does something for each of `count` vec4s, `invocations` at a time: adjacent lanes load adjacent vec4s. Unrolled, so
 * that the loads of all rounds are on their way together.
 */
function rounds(
  count: number,
  invocations: number,
  body: (n: string) => string,
): string {
  return each(Math.ceil(count / invocations), (r) => {
    const n = `n${r}`;
    const whole = (r + 1) * invocations <= count;
    return `{
let ${n} = lane + ${r * invocations}u;
${whole ? "" : `if (${n} < ${count}u) {`}
${body(n)}
${whole ? "" : "}"}
}`;
  });
}
