/**
 * Sums and maxima over the lanes that share a row, in a fixed order: by exchange within subgroups where
 * a subgroup has all lanes of a row, else through workgroup memory. Every lane has the result.
 * @module
 */
import type { AdapterLimits } from "../runtime/adapter_limits.ts";

/** How a fold combines. */
export type Fold = "sum" | "max";

/** Where a maximum starts: the most negative float32. */
export const MOST_NEGATIVE = "-3.4028234663852886e38f";

/** Combines two numbers. */
export function combine(fold: Fold, a: string, b: string): string {
  return fold === "sum" ? `${a} + ${b}` : `max(${a}, ${b})`;
}

/** Lanes in blocks of `width` (a power of two) that reduce together, `invocations` in a workgroup. */
export class LaneReduction {
  readonly #width: number;
  readonly #invocations: number;
  readonly #limits: AdapterLimits;
  #shared = false;

  constructor(
    limits: AdapterLimits,
    { width, invocations }: { width: number; invocations: number },
  ) {
    this.#limits = limits;
    this.#width = width;
    this.#invocations = invocations;
  }

  /** Workgroup variables; call after {@linkcode statements}. */
  get declarations(): string {
    return this.#shared
      ? `var<workgroup> exchange: array<f32, ${this.#invocations}>;`
      : "";
  }

  /** Statements that replace each lane's own `name` (a `var`) by the fold over its block. */
  statements(fold: Fold, name: string): string {
    const lines: string[] = [];
    const { subgroup } = this.#limits;
    // Within a subgroup lanes exchange registers: all at once where the block is a whole subgroup, else by
    // halves. Where subgroups differ in size, only exchanges within the smallest are sure to stay in one block.
    let reach = 1; // every lane holds the fold over its aligned block of this many lanes
    if (subgroup !== null) {
      const within = Math.min(this.#width, subgroup.min);
      if (within === subgroup.max && within > 1) {
        lines.push(
          `${name} = ${
            fold === "sum" ? "subgroupAdd" : "subgroupMax"
          }(${name});`,
        );
        reach = within;
      }
      for (; reach < within; reach *= 2) {
        lines.push(
          `${name} = ${
            combine(fold, name, `subgroupShuffleXor(${name}, ${reach}u)`)
          };`,
        );
      }
    }
    if (reach < this.#width) lines.push(this.#throughMemory(fold, name, reach));
    return lines.join("\n");
  }

  #throughMemory(fold: Fold, name: string, reach: number): string {
    this.#shared = true;
    const parts = this.#width / reach; // partial folds of a block
    // Few parts: every lane adds them all up itself, which takes one barrier before and one after (until all have
    // read, no lane may write the next exchange). Else the lanes halve their number, with a barrier each time.
    if (parts <= 8) {
      return `exchange[lane] = ${name};
workgroupBarrier();
{
  let first = (lane / ${this.#width}u) * ${this.#width}u;
  var folded = exchange[first];
${
        Array.from({ length: parts - 1 }, (_, p) =>
          `  folded = ${
            combine(fold, "folded", `exchange[first + ${(p + 1) * reach}u]`)
          };`).join("\n")
      }
  ${name} = folded;
}
workgroupBarrier();`;
    }
    return `exchange[lane] = ${name};
workgroupBarrier();
for (var step = ${this.#width / 2}u; step >= ${reach}u; step >>= 1u) {
  if ((lane % ${this.#width}u) < step) {
    exchange[lane] = ${
      combine(fold, "exchange[lane]", "exchange[lane + step]")
    };
  }
  workgroupBarrier();
}
${name} = exchange[(lane / ${this.#width}u) * ${this.#width}u];
workgroupBarrier();`;
  }
}

/** Lanes for rows of `columns` elements, and rows of a workgroup. */
export function lanesFor(
  limits: AdapterLimits,
  columns: number,
): { width: number; rows: number; invocations: number } {
  const alone = limits.software ? 8 : (limits.subgroup?.max ?? 32);
  let width = 1;
  const limit = columns <= 2048 || limits.software
    ? alone
    : Math.min(256, limits.maxInvocations);
  while (width < limit && width * 4 < columns) width *= 2;
  const invocations = limits.software
    ? Math.max(width, 8)
    : Math.max(width, 64);
  return { width, rows: invocations / width, invocations };
}
