/**
 * Attention's gradients in tiles: a workgroup has a tile of own rows and goes through the tiles of other rows that
 * they see; so each sum is one workgroup's, in one order. dZ (and p) of a pair of tiles go through workgroup
 * memory, because a lane's scores are of few other rows and its sums of all.
 * @module
 */
import { product } from "@denotune/denotune/device";
import type { DispatchSpec, Lowering, Scope } from "../../shader/dispatch.ts";
import { each, f32Text } from "../../shader/numbers.ts";
import { keptText, keyOfHalves, statisticsWidth } from "./dropout.ts";
import {
  eachSum,
  type GradientKind,
  gradientTensors,
  overOthers,
  type Side,
} from "./gradient_sides.ts";
import {
  scoreText,
  seesText,
  segmentRange,
  skipUnlessOverlap,
} from "./mask.ts";
import type { AttentionSizes, BackwardViews } from "./operands.ts";
import {
  accumulate,
  addProducts,
  declareScores,
  storeSums,
} from "./products.ts";
import {
  type HeadRows,
  inPasses,
  loadSegments,
  loadTile,
  tileMemory,
} from "./staging.ts";
import {
  ACROSS,
  type AttentionTile,
  chooseTile,
  isInPasses,
  KEY_GRADIENTS,
  QUERY_GRADIENTS,
  showAttentionTile,
} from "./tile.ts";

/** Workgroup memory of each factor of a sum: one tile of scores. */
const FACTORS = { dZ: "scores", p: "weights" } as const;

/** The dispatch of one side's gradients. */
export function tiledGradients(
  kind: GradientKind,
  lowering: Lowering<"attention_backward">,
  { sizes, views }: {
    readonly sizes: AttentionSizes;
    readonly views: BackwardViews;
  },
): DispatchSpec {
  const { attributes } = lowering;
  const { B, T, heads, headDim, softcap, scale, dropout } = attributes;
  const ownHeads = kind.own.heads(attributes);
  const tile = chooseTile(
    lowering.limits,
    headDim,
    kind.isOfQueries ? QUERY_GRADIENTS : KEY_GRADIENTS,
  );
  const { rows, others } = tile;
  const wide = headDim % 4 === 0;
  const body = (scope: Scope): string => {
    const t = scope.size(T);
    const rowsOf = (side: Side, first: string, count: number): HeadRows => ({
      headDim,
      T: t,
      count,
      first,
      width: side.width(sizes),
      head: side.head,
    });
    const own = rowsOf(kind.own, "first", tile.own);
    const other = rowsOf(kind.other, "other0", tile.other);
    const loadOwn = both(scope, tile, { rows: own, side: kind.own }, "own");
    const loadOther = both(
      scope,
      tile,
      { rows: other, side: kind.other },
      "other",
    );
    const width = statisticsWidth(attributes);
    const statistic = (suffix: string, n: number): string =>
      scope.tensor("statistics").load(`place${suffix} * ${width}u + ${n}u`);
    /** Declares what the scores of a query are measured from. */
    const statistics = (query: string, suffix: string): string =>
      `let place${suffix} = (b * ${t} + min(${query}, ${t} - 1u)) * ${heads}u + h;
let lse${suffix} = ${statistic(suffix, 0)};
let delta${suffix} = ${statistic(suffix, 1)};
${
        dropout === undefined
          ? ""
          : `let key${suffix} = ${
            keyOfHalves(statistic(suffix, 2), statistic(suffix, 3))
          };`
      }`;
    /**
     * Of own row r and other row `other`, number j of the lane: the weight again from the saved lse, dZ as `backward.ts`
     * has it, and what the sums multiply with into workgroup memory. A pair that is not visible has p = 0, so dZ = 0.
     */
    const pair = (r: number, j: number): string => {
      const [i, k] = kind.isOfQueries
        ? [`own${r}`, "other"]
        : ["other", `own${r}`];
      const suffix = kind.isOfQueries ? r : "";
      // with dropout: dP of what was kept, and dV of what it gave
      const drops = dropout !== undefined;
      const dP = `g_${r}_${j}${drops ? " * kept" : ""}`;
      const z = `${drops ? "share" : "p"} * (${dP} - delta${suffix}) * ${
        f32Text(scale)
      }`;
      return `{
let visible = other < ${t} && ${
        seesText(attributes, i, k)
      } && seg${r} == segment;
let s = ${scoreText(attributes, `s_${r}_${j}`)};
let ${drops ? "share" : "p"} = select(0.0, exp(s - lse${suffix}), visible);
${
        drops
          ? `let kept = 1.0${
            keptText(attributes, { key: `key${suffix}`, j: k })
          };
let p = share * kept;`
          : ""
      }
${
        softcap === null
          ? `let dZ = ${z};`
          : `let bent = s / ${
            f32Text(softcap)
          };\nlet dZ = ${z} * (1.0 - bent * bent);`
      }
let cell = (ty * ${rows}u + ${r}u) * ${tile.other + 1}u + tx + ${j * ACROSS}u;
${eachSum(kind, ({ factor }) => `${FACTORS[factor]}[cell] = ${factor};`)}
}`;
    };
    return `let tiles = (${t} + ${tile.own - 1}u) / ${tile.own}u;
if (group >= tiles * ${scope.size(product([B, ownHeads]))}) { return; }
let pair = group / tiles;
// The tile with the most to see starts first: of queries the last, of keys the first.
let first = ${
      kind.isOfQueries
        ? "(tiles - 1u - (group - pair * tiles))"
        : "(group - pair * tiles)"
    } * ${tile.own}u;
let b = pair / ${ownHeads}u;
let ${own.head} = pair - b * ${ownHeads}u;
${kind.isOfQueries ? `let kv = h / ${sizes.group}u;` : ""}
let tx = lane % ${ACROSS}u;
let ty = lane / ${ACROSS}u;
${isInPasses(tile) ? "" : loadOwn()}
${loadSegments(scope, tile, { ...own, into: "ownSegments" })}
workgroupBarrier(); // own rows and their segments are staged
${segmentRange(scope, "own", own)}
// Of each own row: position, segment, and sums.
${
      each(rows, (r) =>
        `let own${r} = first + ty * ${rows}u + ${r}u;
let seg${r} = ownSegments[ty * ${rows}u + ${r}u];
${kind.isOfQueries ? statistics(`own${r}`, `${r}`) : ""}
${
          eachSum(
            kind,
            ({ output }) =>
              each(
                tile.columns,
                (c) => `var ${output}_${r}_${c} = vec4<f32>();`,
              ),
          )
        }`)
    }
${
      kind.range(attributes, {
        first: "first",
        count: tile.own,
        step: tile.other,
        T: t,
      })
    }
${
      overOthers(kind, sizes, {
        block: tile.other,
        body: `${segmentRange(scope, "other", other)}
${skipUnlessOverlap("own", "other")}
${scoresAndGradients(scope, tile, { other, loadOwn, loadOther })}
// Pairs of the lane: each other row with all own rows, so that its statistics are read once.
${
          each(others, (j) =>
            `{
let other = other0 + tx + ${j * ACROSS}u;
let segment = otherSegments[tx + ${j * ACROSS}u];
${kind.isOfQueries ? "" : statistics("other", "")}
${each(rows, (r) => pair(r, j))}
}`)
        }
workgroupBarrier(); // the factors of all pairs are written
${
          eachSum(kind, ({ output, factor, of }) =>
            accumulate(scope, tile, {
              into: output,
              scores: FACTORS[factor],
              from: {
                ...other,
                tensor: kind.other.tensors[of],
                staged: `other${"AB"[of]}`,
              },
            }))
        }`,
      })
    }
${
      eachSum(kind, ({ output }) =>
        storeSums(scope, tile, {
          ...own,
          tensor: output,
          value: (r, c) => `${output}_${r}_${c}`,
        }))
    }`;
  };
  return {
    name: `attention_backward ${kind.name} ${showAttentionTile(tile)}`,
    tensors: gradientTensors(kind, views, wide),
    workgroup: [tile.lanes, 1, 1],
    body,
    declarations: () => memory(tile, kind),
    grid: (size) => ({
      groups: Math.ceil(size(T) / tile.own) * size(B) * ownHeads,
    }),
    cost: (size) => kind.cost * size(B) * heads * size(T) ** 2 * headDim,
  };
}

/** Copies rows of one side, of all columns or those from a pass. */
type Load = (pass?: string) => string;

/** Copies the rows of both of a side's tensors, to `NAMEA` and `NAMEB`. */
function both(
  scope: Scope,
  tile: AttentionTile,
  { rows, side }: { readonly rows: HeadRows; readonly side: Side },
  name: "own" | "other",
): Load {
  return (pass) =>
    each(2, (i) =>
      loadTile(scope, tile, {
        ...rows,
        tensor: side.tensors[i],
        into: `${name}${"AB"[i]}`,
        pass,
      }));
}

/**
 * Scores `s_R_J` and dP `g_R_J` of a pair of tiles: the products of ownA with otherA, and of ownB with otherB.
 * Own rows are staged before, but for columns in passes.
 */
function scoresAndGradients(
  scope: Scope,
  tile: AttentionTile,
  { other, loadOwn, loadOther }: {
    readonly other: HeadRows;
    readonly loadOwn: Load;
    readonly loadOther: Load;
  },
): string {
  return `${declareScores(tile, "s")}
${declareScores(tile, "g")}
${
    inPasses(tile, {
      load: (pass) =>
        `${loadSegments(scope, tile, { ...other, into: "otherSegments" })}
${pass === undefined ? "" : loadOwn(pass)}
${loadOther(pass)}`,
      add: `${addProducts(tile, { into: "s", own: "ownA", other: "otherA" })}
${addProducts(tile, { into: "g", own: "ownB", other: "otherB" })}`,
    })
  }`;
}

/** Workgroup memory: two tiles of rows of each side, and a tile for each factor. */
function memory(tile: AttentionTile, kind: GradientKind): string {
  return `${tileMemory("ownA", tile.own, tile)}
${tileMemory("ownB", tile.own, tile)}
${tileMemory("otherA", tile.other, tile)}
${tileMemory("otherB", tile.other, tile)}
${
    // one more column than there are other rows, so that lanes of several own rows use other banks
    eachSum(
      kind,
      ({ factor }) =>
        `var<workgroup> ${FACTORS[factor]}: array<f32, ${
          tile.own * (tile.other + 1)
        }>;`,
    )}
var<workgroup> ownSegments: array<i32, ${tile.own}>;
var<workgroup> otherSegments: array<i32, ${tile.other}>;`;
}
