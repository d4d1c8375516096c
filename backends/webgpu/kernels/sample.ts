/**
 * Chooses a token of each row: a workgroup a row. Logits are compared as whole numbers of the same order
 * ("keys"). The limit of the likeliest k, or of those with a share p, is found by cutting the range of keys in
 * sixteen, eight times: each pass sums the keys at and above sixteen thresholds, always in the same order.
 *
 * ```text
 * keys      0 ............... limit ............ 2^32
 * stay                        | the equal ones before column `end`, and all above
 * ```
 * @module
 */
import type { Lower, Scope } from "../shader/dispatch.ts";
import { fewLanes } from "../shader/few_lanes.ts";
import { each } from "../shader/numbers.ts";
import { LaneReduction, MOST_NEGATIVE } from "../shader/reduce.ts";
import type { AdapterLimits } from "../runtime/adapter_limits.ts";
import { combineArgmax } from "./argmax_lanes.ts";

/** Parts that a pass cuts a range in. */
const PARTS = 16;
/** Above the key of every number. */
const KEYS_END = "0xff800001u";
/** Bytes of workgroup memory for each lane, with room for the variables of the workgroup. */
const BYTES_A_LANE = 16;
/** Passes that cut any range of 32 bits to one. */
const TURNS = 8;

/** Draws a column of each row as the options say. */
export const sample: Lower<"sample"> = (lowering) => {
  const { attributes, limits } = lowering;
  const { rows, columns } = attributes;
  const words = Math.ceil(columns / 32);
  const { lanes, unroll } = shapeOf(limits, columns);
  const reduction = new LaneReduction(limits, {
    width: lanes,
    invocations: lanes,
  });
  const tensor = (name: string) => ({ name, view: lowering.input(name) });
  const text = new SampleText({ columns, words, lanes, unroll, reduction });
  lowering.emit({
    name: "sample",
    tensors: [
      tensor("logits"),
      tensor("options"),
      tensor("keys"),
      tensor("places"),
      tensor("index"),
      tensor("seen"),
      {
        name: "out",
        view: lowering.output("out"),
        writes: true,
      },
    ],
    workgroup: [lanes, 1, 1],
    body: (scope) => text.body(scope, scope.size(rows)),
    declarations: (scope) => text.declarations(scope),
    grid: (size) => ({ groups: size(rows) }),
  });
};

/** Lanes that share a row, and how many columns each loads at once. */
function shapeOf(
  limits: AdapterLimits,
  columns: number,
): { lanes: number; unroll: number } {
  if (limits.software) {
    // the largest logit, four searches, the draw, and the folds over the lanes
    const passes = 4 * TURNS + 3;
    const folds = 4 * TURNS * PARTS * 10;
    return {
      lanes: fewLanes((n) => Math.ceil(columns / n) * passes + folds),
      unroll: 1,
    };
  }
  // A workgroup has one core of a GPU: many loads on their way make it fast.
  let lanes = columns <= 2048 ? 64 : columns <= 16384 ? 256 : 1024;
  while (
    lanes > limits.maxInvocations || lanes * BYTES_A_LANE > limits.sharedBytes
  ) lanes /= 2;
  return { lanes, unroll: 4 };
}

/** The text of the shader. */
class SampleText {
  readonly #columns: number;
  readonly #words: number;
  readonly #lanes: number;
  readonly #unroll: number;
  readonly #reduction: LaneReduction;

  constructor(of: {
    columns: number;
    words: number;
    lanes: number;
    unroll: number;
    reduction: LaneReduction;
  }) {
    this.#columns = of.columns;
    this.#words = of.words;
    this.#lanes = of.lanes;
    this.#unroll = of.unroll;
    this.#reduction = of.reduction;
  }

  declarations(scope: Scope): string {
    const seen = scope.tensor("seen");
    return `var<workgroup> largest: array<f32, ${this.#lanes}>;
var<workgroup> places: array<u32, ${this.#lanes}>;
var<workgroup> decision: u32;
${this.#reduction.declarations}
fn penalised(x: f32, c: u32, slot: u32, penalty: f32) -> f32 {
  if (penalty == 1.0) { return x; }
  let word = bitcast<u32>(${
      seen.loadInt(`slot * ${this.#words}u + (c >> 5u)`)
    });
  let changed = select(x * penalty, x / penalty, x > 0.0);
  return select(x, changed, ((word >> (c & 31u)) & 1u) == 1u);
}`;
  }

  body(scope: Scope, rows: string): string {
    const option = (i: number) =>
      scope.tensor("options").load(`group * 4u + ${i}u`);
    const integer = (name: string) => scope.tensor(name).loadInt("group");
    // The cut comes first, because the draw reads its limit. In the last loop a lane keeps the first maximum of
    // its columns (ascending order, strict >), and the lanes then prefer the smaller column among equal scores.
    return `if (group >= ${rows}) { return; }
let temperature = ${option(0)};
let k = ${option(1)};
let p = ${option(2)};
let penalty = ${option(3)};
let slot = u32(${integer("index")});
let draws = temperature != 0.0;
let cutsCount = k > 0.0 && k < ${this.#columns}.0;
let cutsShare = p < 1.0;
// those stay whose key is above the limit, or the limit at a column before the end
var limit = 0u;
var end = 0u;
if (draws && (cutsCount || cutsShare)) {
${this.#cut(scope)}
}
let rowKey = bitcast<u32>(${integer("keys")});
let place = bitcast<u32>(${integer("places")});
var value = ${MOST_NEGATIVE};
var best = min(lane, ${this.#columns - 1}u);
${
      this.#eachColumn(
        scope,
        `var score = x;
  if (draws) {
    let key = ordered_key(x);
    score = ${MOST_NEGATIVE};
    if (key > limit || (key == limit && c < end)) { score = x / temperature + gumbel_at(rowKey, place, c); }
  }
  if (score > value) { value = score; best = c; }`,
      )
    }
${combineArgmax(this.#lanes)}
if (lane == 0u) { ${scope.tensor("out").store("group", "i32(places[0])")} }`;
  }

  /** Statements for each column `c` of the lane and its logit `x`: loads of several come first. */
  #eachColumn(scope: Scope, statements: string): string {
    const n = this.#columns;
    const logits = scope.tensor("logits");
    const column = (u: number) => `first + ${u * this.#lanes}u`;
    // A lane owns the columns lane, lane + lanes, ...: adjacent lanes load adjacent logits. All loads of a round
    // come before its statements, so that they overlap. Beyond the last column a load repeats the last logit, and
    // its statements are skipped.
    return `for (var first = lane; first < ${n}u; first += ${
      this.#lanes * this.#unroll
    }u) {
${
      each(this.#unroll, (u) =>
        `let x${u} = ${
          logits.load(`group * ${n}u + min(${column(u)}, ${n - 1}u)`)
        };`)
    }
${
      each(this.#unroll, (u) =>
        `if (${column(u)} < ${n}u) {
  let c = ${column(u)};
  let x = penalised(x${u}, c, slot, penalty);
  ${statements}
}`)
    }
}`;
  }

  /**
   * Finds limit and end in four stages of one search, each left out where it cuts nothing: the likeliest k,
   * which of those that equal the last, the share p, and again which of equal ones. A search looks for the
   * largest threshold whose sum reaches a goal.
   */
  #cut(scope: Scope): string {
    // Stages 0 and 1 cut by k, stages 2 and 3 by p: p is a share of the tokens that k keeps. Each odd stage cuts the
    // equal keys at the limit of the stage before. `decision` makes the branch uniform, as the barriers within the
    // reductions require. The largest logit comes first: weights exp((x - top) / temperature) cannot overflow.
    return `var top = ${MOST_NEGATIVE};
${this.#eachColumn(scope, "top = max(top, x);")}
${this.#reduction.statements("max", "top")}
var wanted = 0.0; // of equal ones
var cutsEqual = false;
for (var stage = 0u; stage < 4u; stage++) {
  let byColumn = (stage & 1u) == 1u;
  let runs = select(select(cutsShare, cutsCount, stage < 2u), cutsEqual, byColumn);
  if (lane == 0u) { decision = select(0u, 1u, runs); }
  if (workgroupUniformLoad(&decision) == 0u) { continue; }
  var low = select(limit, 0u, byColumn);
  var high = select(${KEYS_END}, ${this.#columns}u, byColumn);
  var atLow = 0.0;
  var atHigh = 0.0; // the sum at the next threshold above
  var goal = k;
  for (var turn = 0u; turn < ${TURNS}u; turn++) {
${this.#turn(scope)}
  }
  if (byColumn) {
    end = low + 1u;
    cutsEqual = false;
  } else if (stage == 0u) {
    limit = low;
    end = ${this.#columns}u;
    wanted = k - atHigh;
    cutsEqual = atLow > k;
  } else {
    let one = exp((number_of_key(low) - top) / temperature);
    end = select(${this.#columns}u, end, low == limit);
    limit = low;
    wanted = max(1.0, ceil((goal - atHigh) / one));
    cutsEqual = atLow - atHigh > 1.5 * one;
  }
}`;
  }

  /** One pass: sums at sixteen thresholds, and the range between two of them. */
  #turn(scope: Scope): string {
    // The first loop walks the row once for all thresholds: each lane sums its columns in registers. The second
    // combines the lanes, threshold by threshold. In turn 0 the first threshold is the start of the range, so
    // sums[0] is the total from which the goals follow. The third narrows the range: thresholds ascend and sums
    // fall, so the last threshold that reaches the goal becomes `low` and the first that misses it `high`.
    return `let base = low;
let width = max((high - low + ${PARTS - 1}u) / ${PARTS}u, 1u);
${each(PARTS, (i) => `var s_${i} = 0.0;`)}
${
      this.#eachColumn(
        scope,
        `let key = ordered_key(x);
  var weight = 1.0;
  if (stage == 2u) {
    weight = select(0.0, exp((x - top) / temperature), key > limit || (key == limit && c < end));
  } else if (byColumn) {
    weight = select(0.0, 1.0, key == limit && c < end);
  }
  let at = select(key, c, byColumn);
  ${
          each(
            PARTS,
            (i) => `s_${i} += select(0.0, weight, at >= base + ${i}u * width);`,
          )
        }`,
      )
    }
var sums = array<f32, ${PARTS}>(${
      Array.from({ length: PARTS }, (_, i) => `s_${i}`).join(", ")
    });
for (var i = 0u; i < ${PARTS}u; i++) {
  var sum = sums[i];
  ${this.#reduction.statements("sum", "sum")}
  sums[i] = sum;
}
if (turn == 0u && byColumn) { goal = max(1.0, sums[0] - wanted + 1.0); }
if (turn == 0u && stage == 2u) { goal = p * sums[0]; }
for (var i = 0u; i < ${PARTS}u; i++) {
  let threshold = base + i * width;
  if (sums[i] >= goal) {
    low = threshold;
    atLow = sums[i];
  } else if (threshold < high) {
    high = threshold;
    atHigh = sums[i];
  }
}`;
  }
}
