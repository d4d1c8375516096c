/**
 * Which cases of a table are run: all of them under `DENOTUNE_TEST_ALL=1`, else a seeded sample, where other tests
 * show the same for the rest. The sample is the same in every run.
 */
import { randomFrom } from "@denotune/denotune/core";

/** So many of the cases, in their order. */
export function sample<T>(
  cases: readonly T[],
  { count, seed }: { readonly count: number; readonly seed: number },
): readonly T[] {
  if (Deno.env.get("DENOTUNE_TEST_ALL") === "1" || count >= cases.length) {
    return cases;
  }
  const random = randomFrom(seed);
  const left = [...cases.keys()];
  const chosen = new Set<number>();
  while (chosen.size < count) {
    const [index] = left.splice(random.below(left.length), 1);
    chosen.add(index);
  }
  return cases.filter((_, i) => chosen.has(i));
}
