/**
 * Chooses a token of each row: a workgroup a row. Logits are compared as whole numbers of the same order
 * ("keys"). The limit of the likeliest k, or of those with a share p, is found by cutting the range of keys in
 * sixteen, eight times: each pass sums what lies at and above fifteen thresholds, always in the same order.
 *
 * ```text
 * keys      0 ............... limit ............ 2^32
 * stay                        | the equal ones before column `end`, and all above
 * ```
 * @module
 */
import { INDEX, type Lower, type Scope } from "../shader/dispatch.ts";
import { each } from "../shader/numbers.ts";
import { LaneReduction, MOST_NEGATIVE } from "../shader/reduce.ts";
import { combineArgmax } from "./argmax_lanes.ts";

/** Parts that a pass cuts a range in. */
const PARTS = 16;
/** Above the key of every number. */
const KEYS_END = "0xff800001u";

/** Draws a column of each row as the options say. */
export const sample: Lower<"sample"> = (lowering) => {
  const { attributes, inputs, outputs, traits } = lowering;
  const { rows, columns, slots } = attributes;
  const count = lowering.capacity(rows);
  const words = Math.ceil(columns / 32);
  const isShort = columns <= 2048;
  // Of a software adapter a workgroup has one core. But one ends loops that turn more than 65,535 times in all.
  const lanes = traits.software
    ? (isShort ? 8 : 128)
    : Math.min(isShort ? 64 : 256, traits.maxInvocations);
  const reduction = new LaneReduction(traits, {
    width: lanes,
    invocations: lanes,
  });
  const tensor = (name: string, i: number, elements: number) => ({
    name,
    view: lowering.expect(name, inputs[i], elements, INDEX),
  });
  const text = new SampleText({ columns, words, lanes, reduction });
  lowering.emit({
    name: "sample",
    tensors: [
      {
        name: "logits",
        view: lowering.expect("logits", inputs[0], count * columns),
      },
      { name: "options", view: lowering.expect("options", inputs[1], 4) },
      tensor("keys", 2, count),
      tensor("places", 3, count),
      tensor("index", 4, count),
      tensor("seen", 5, slots * words),
      {
        name: "out",
        view: lowering.expect("out", outputs[0], count, INDEX),
        writes: true,
      },
    ],
    workgroup: [lanes, 1, 1],
    body: (scope) => text.body(scope, scope.size(rows)),
    declarations: (scope) => text.declarations(scope),
    grid: (size) => ({ groups: size(rows) }),
    cost: (size) => size(rows) * columns * 64,
  });
};

/** What a search goes through, and what it sums. */
interface Search {
  /** The number that is compared with thresholds. */
  readonly of: "key" | "c";
  /** Weight of an element, an `f32`. */
  readonly weight: string;
  /** The sum that must be reached. */
  readonly target: string;
  /** First and last bounds, and how often the range is cut. */
  readonly from: string;
  readonly to: string;
  readonly passes: number;
}

class SampleText {
  readonly #columns: number;
  readonly #words: number;
  readonly #lanes: number;
  readonly #reduction: LaneReduction;

  constructor(of: {
    columns: number;
    words: number;
    lanes: number;
    reduction: LaneReduction;
  }) {
    this.#columns = of.columns;
    this.#words = of.words;
    this.#lanes = of.lanes;
    this.#reduction = of.reduction;
  }

  declarations(scope: Scope): string {
    const [logits, seen] = [scope.tensor("logits"), scope.tensor("seen")];
    return `var<workgroup> largest: array<f32, ${this.#lanes}>;
var<workgroup> places: array<u32, ${this.#lanes}>;
var<workgroup> decision: u32;
${this.#reduction.declarations}
fn logit(row: u32, c: u32, slot: u32, penalty: f32) -> f32 {
  let x = ${logits.load(`row * ${this.#columns}u + c`)};
  if (penalty == 1.0) { return x; }
  let word = bitcast<u32>(${
      seen.loadInt(`slot * ${this.#words}u + (c >> 5u)`)
    });
  let penalised = select(x * penalty, x / penalty, x > 0.0);
  return select(x, penalised, ((word >> (c & 31u)) & 1u) == 1u);
}`;
  }

  body(scope: Scope, rows: string): string {
    const option = (i: number) => scope.tensor("options").load(`${i}u`);
    const integer = (name: string) => scope.tensor(name).loadInt("group");
    return `if (group >= ${rows}) { return; }
let temperature = ${option(0)};
let k = ${option(1)};
let p = ${option(2)};
let penalty = ${option(3)};
let slot = u32(${integer("index")});
let draws = temperature != 0.0;
// those stay whose key is above the limit, or the limit at a column before the end
var limit = 0u;
var end = 0u;
if (draws && k > 0.0 && k < ${this.#columns}.0) {
${this.#keepLikeliest()}
}
if (draws && p < 1.0) {
${this.#keepShare()}
}
let rowKey = bitcast<u32>(${integer("keys")});
let place = bitcast<u32>(${integer("places")});
var value = ${MOST_NEGATIVE};
var best = min(lane, ${this.#columns - 1}u);
${
      this.#eachColumn(`var score = x;
  if (draws) {
    let key = ordered_key(x);
    score = ${MOST_NEGATIVE};
    if (key > limit || (key == limit && c < end)) { score = x / temperature + gumbel_at(rowKey, place, c); }
  }
  if (score > value) { value = score; best = c; }`)
    }
${combineArgmax(this.#lanes)}
if (lane == 0u) { ${scope.tensor("out").store("group", "i32(places[0])")} }`;
  }

  /** Statements for each column `c` of the lane and its logit `x`. */
  #eachColumn(statements: string): string {
    return `for (var c = lane; c < ${this.#columns}u; c += ${this.#lanes}u) {
  let x = logit(group, c, slot, penalty);
  ${statements}
}`;
  }

  #keepLikeliest(): string {
    return `${
      this.#search({
        of: "key",
        weight: "1.0",
        target: "k",
        from: "0u",
        to: KEYS_END,
        passes: 8,
      })
    }
limit = low;
end = ${this.#columns}u;
${
      this.#agree(
        "atLow > k",
        `let surplus = atLow - k;
${this.#cutTies("key == limit", "surplus + 1.0")}
end = low + 1u;`,
      )
    }`;
  }

  #keepShare(): string {
    const weight =
      "select(0.0, exp((x - top) / temperature), key > limit || (key == limit && c < end))";
    return `var top = ${MOST_NEGATIVE};
${this.#eachColumn("top = max(top, x);")}
${this.#reduction.statements("max", "top")}
var total = 0.0;
${
      this.#eachColumn(`let key = ordered_key(x);
  total += ${weight};`)
    }
${this.#reduction.statements("sum", "total")}
let enough = p * total;
${
      this.#search({
        of: "key",
        weight,
        target: "enough",
        from: "limit",
        to: KEYS_END,
        passes: 8,
      })
    }
let before = select(${this.#columns}u, end, low == limit);
let one = exp((number_of_key(low) - top) / temperature);
// equal ones are counted only where there can be more than one
limit = low;
end = before;
${
      this.#agree(
        "atLow - atHigh > 1.5 * one",
        `var ties = 0.0;
${
          this.#eachColumn(
            `ties += select(0.0, 1.0, ordered_key(x) == limit && c < before);`,
          )
        }
${this.#reduction.statements("sum", "ties")}
let wanted = max(1.0, ceil((enough - atHigh) / one));
${this.#cutTies("key == limit && c < before", "ties - wanted + 1.0")}
if (wanted < ties) { end = low + 1u; }`,
      )
    }`;
  }

  /** Leaves in \`low\` the last column at and behind which there are \`target\` equal keys. */
  #cutTies(isTie: string, target: string): string {
    return this.#search({
      of: "c",
      weight: `select(0.0, 1.0, ${isTie})`,
      target: `max(1.0, ${target})`,
      from: "0u",
      to: `${this.#columns}u`,
      passes: Math.max(1, Math.ceil(Math.log(this.#columns) / Math.log(PARTS))),
    });
  }

  /** Statements that all lanes run or none: the first lane decides. */
  #agree(condition: string, statements: string): string {
    return `if (lane == 0u) { decision = select(0u, 1u, ${condition}); }
if (workgroupUniformLoad(&decision) == 1u) {
${statements}
}`;
  }

  /**
   * Declares \`low\`, the largest threshold whose sum reaches the target, \`atLow\`, that sum, and \`atHigh\`,
   * the sum at the next threshold.
   */
  #search({ of, weight, target, from, to, passes }: Search): string {
    const inner = PARTS - 1;
    const parts = Array.from({ length: inner }, (_, i) => i + 1);
    return `let goal = ${target};
var low = ${from};
var high = ${to};
var atLow = 0.0;
var atHigh = 0.0;
for (var turn = 0u; turn < ${passes}u; turn++) {
  let base = low;
  let step = max((high - low + ${inner}u) / ${PARTS}u, 1u);
  ${each(inner, (i) => `var s_${i + 1} = 0.0;`)}
  var s_0 = 0.0;
  ${
      this.#eachColumn(`let key = ordered_key(x);
  let weight = ${weight};
  s_0 += select(0.0, weight, ${of} >= base);
  ${
        each(
          inner,
          (i) =>
            `s_${i + 1} += select(0.0, weight, ${of} >= base + ${
              i + 1
            }u * step);`,
        )
      }`)
    }
  ${
      each(
        PARTS,
        (i) => this.#reduction.statements("sum", `s_${i}`),
      )
    }
  atLow = s_0;
  ${
      parts.map((i) =>
        `if (s_${i} >= goal) { low = base + ${i}u * step; atLow = s_${i}; }`
      ).join("\n  ")
    }
  ${
      parts.toReversed().map((i) =>
        `if (s_${i} < goal && base + ${i}u * step < high) { high = base + ${i}u * step; atHigh = s_${i}; }`
      ).join("\n  ")
    }
}`;
  }
}
