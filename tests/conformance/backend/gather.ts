/**
 * Cases of gather, scatter and rotary embedding: rows by index.
 * @module
 */
import { dim } from "../../../core/graph/dims.ts";
import type { DType, Extents, Random } from "@denotune/denotune/core";
import {
  below,
  type Case,
  caseOf,
  type Data,
  normal,
  type TensorSpec,
} from "./case.ts";
import { ELEMENT, EXACT, SUM } from "./compare.ts";

const N = dim("N");
const R = dim("R");
const U = dim("U");
const WIDTHS = [1, 5, 8, 20, 64];

const gathers: Case = caseOf({
  title: "gathers rows of tables of every storage",
  tensors: Object.assign(
    { index: { shape: [N], dtype: "i32", data: below(13) } },
    ...(["f32", "bf16", "f16"] as const).flatMap((dtype: DType) =>
      WIDTHS.map((width): Record<string, TensorSpec> => ({
        [`table ${dtype} ${width}`]: {
          shape: [13, width],
          dtype,
          data: normal,
        },
        [`out ${dtype} ${width}`]: { shape: [N, width] },
      }))
    ),
  ),
  calls: (view) =>
    (["f32", "bf16", "f16"] as const).flatMap((dtype) =>
      WIDTHS.map((columns) => ({
        kernel: "gather_rows",
        attributes: { rows: N, columns },
        inputs: [view(`table ${dtype} ${columns}`), view("index")],
        outputs: [view(`out ${dtype} ${columns}`)],
        label: `gather ${dtype} ${columns}`,
      }))
    ),
  capacities: { N: 29 },
  runs: [{ N: 29 }, { N: 3 }, { N: 0 }],
  outputs: Object.fromEntries(
    ["f32", "bf16", "f16"].flatMap((t) =>
      WIDTHS.map((w) => [`out ${t} ${w}`, EXACT])
    ),
  ),
});

/** Some of 0..N-1, ascending, as supervised rows are. */
const someRows: Data = (count, random, { N }) =>
  choose(count, N, random).sort((a, b) => a - b);

function choose(count: number, among: number, random: Random): number[] {
  const rest = Array.from({ length: among }, (_, i) => i);
  return Array.from(
    { length: count },
    () => rest.splice(random.below(rest.length), 1)[0],
  );
}

const scatters: Case = caseOf({
  title: "scatters rows over zeros",
  tensors: Object.assign(
    { index: { shape: [R], dtype: "i32", data: someRows } },
    ...WIDTHS.map((width): Record<string, TensorSpec> => ({
      [`values ${width}`]: { shape: [R, width], data: normal },
      [`out ${width}`]: { shape: [N, width] },
    })),
  ),
  calls: (view) =>
    WIDTHS.map((columns) => ({
      kernel: "scatter_rows",
      attributes: { rows: N, count: R, columns },
      inputs: [view(`values ${columns}`), view("index")],
      outputs: [view(`out ${columns}`)],
      label: `scatter ${columns}`,
    })),
  capacities: { N: 40, R: 40 },
  runs: [{ N: 40, R: 40 }, { N: 40, R: 9 }, { N: 7, R: 1 }, { N: 7, R: 0 }],
  outputs: Object.fromEntries(WIDTHS.map((w) => [`out ${w}`, EXACT])),
});

/** Occurrences of U distinct ids among N tokens: at least one each, in turn. */
const idOf = (i: number, { U }: Extents) => (i * 7 + Math.floor(i / U)) % U;
/** The distinct ids in no order: the kernel must not expect them sorted or side by side. */
const ids: Data = (count, random) => choose(count, 17, random);

function groupsOf({ N, U }: Extents): number[][] {
  const groups: number[][] = Array.from({ length: U }, () => []);
  for (let i = 0; i < N; i++) groups[idOf(i, { U })].push(i);
  return groups;
}

const scatterAdds: Case = caseOf({
  title: "adds rows to those of a table",
  tensors: Object.assign(
    {
      order: {
        shape: [N],
        dtype: "i32",
        data: (_n, _r, extents) => groupsOf(extents).flat(),
      },
      ids: { shape: [U], dtype: "i32", data: ids },
      starts: {
        shape: [{ coefficient: 1, names: ["S"] }], // U + 1
        dtype: "i32",
        data: (_n, _r, extents) =>
          groupsOf(extents).reduce(
            (s, g) => [...s, s[s.length - 1] + g.length],
            [0],
          ),
      },
    } satisfies Record<string, TensorSpec>,
    ...WIDTHS.map((width): Record<string, TensorSpec> => ({
      [`values ${width}`]: { shape: [N, width], data: normal },
      [`table ${width}`]: { shape: [17, width], data: normal },
    })),
  ),
  calls: (view) =>
    WIDTHS.map((columns) => ({
      kernel: "scatter_add",
      attributes: { unique: U, columns },
      inputs: [
        view(`values ${columns}`),
        view("order"),
        view("ids"),
        view("starts"),
        view(`table ${columns}`),
      ],
      outputs: [view(`table ${columns}`)],
      label: `scatter_add ${columns}`,
    })),
  capacities: { N: 50, U: 17, S: 18 },
  runs: [{ N: 50, U: 17, S: 18 }, { N: 50, U: 5, S: 6 }, { N: 1, U: 1, S: 2 }, {
    N: 0,
    U: 0,
    S: 1,
  }],
  outputs: Object.fromEntries(WIDTHS.map((w) => [`table ${w}`, SUM])),
});

interface Rotation {
  readonly heads: number;
  readonly headDim: number;
  readonly rotary: number;
  readonly inverse: boolean;
  readonly inPlace: boolean;
}

const ROTATIONS: readonly Rotation[] = [[4, 4], [12, 12], [16, 8], [64, 64], [
  10,
  2,
], [32, 32]].flatMap((
  [headDim, rotary],
  i,
) =>
  [false, true].map((inverse) => ({
    heads: 1 + (i % 3),
    headDim,
    rotary,
    inverse,
    inPlace: (i % 2 === 0) !== inverse,
  }))
);
const nameOf = ({ heads, headDim, rotary, inverse }: Rotation) =>
  `${heads}x${headDim} ${rotary}${inverse ? " back" : ""}`;

const rotations: Case = caseOf({
  title: "turns heads by their position and back",
  tensors: Object.assign(
    { positions: { shape: [N], dtype: "i32", data: below(21) } },
    ...ROTATIONS.map((r): Record<string, TensorSpec> => ({
      [`x ${nameOf(r)}`]: { shape: [N, r.heads * r.headDim], data: normal },
      [`table ${nameOf(r)}`]: {
        shape: [21, r.rotary],
        data: (count) =>
          Array.from({ length: count }, (_, i) => {
            const half = r.rotary / 2;
            const angle = Math.floor(i / r.rotary) *
              100 ** (-(i % half) / half);
            return i % r.rotary < half ? Math.cos(angle) : Math.sin(angle);
          }),
      },
      ...(r.inPlace
        ? {}
        : { [`out ${nameOf(r)}`]: { shape: [N, r.heads * r.headDim] } }),
    })),
  ),
  calls: (view) =>
    ROTATIONS.map((r) => ({
      kernel: "rope",
      attributes: {
        rows: N,
        heads: r.heads,
        headDim: r.headDim,
        rotary: r.rotary,
        inverse: r.inverse,
      },
      inputs: [
        view(`x ${nameOf(r)}`),
        view("positions"),
        view(`table ${nameOf(r)}`),
      ],
      outputs: [view(`${r.inPlace ? "x" : "out"} ${nameOf(r)}`)],
      label: nameOf(r),
    })),
  capacities: { N: 23 },
  runs: [{ N: 23 }, { N: 2 }, { N: 0 }],
  outputs: Object.fromEntries(
    ROTATIONS.map((r) => [`${r.inPlace ? "x" : "out"} ${nameOf(r)}`, ELEMENT]),
  ),
});

/** Cases of gather, scatter and rotary embedding. */
export const gatherCases: readonly Case[] = [
  gathers,
  scatters,
  scatterAdds,
  rotations,
];
