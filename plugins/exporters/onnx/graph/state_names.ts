/**
 * What clients call that which layers keep: `past_key_values.N.key` and `present.N.key` of attention,
 * `past_conv.N`, `past_recurrent.N`. N is the number of the layer, as the name of its state has it.
 * @module
 */
import type { TracedState } from "@denotune/denotune/core";

/** Names of a state as an input and as an output. */
export interface StateNames {
  readonly past: string;
  readonly present: string;
}

const KINDS: Readonly<Record<string, (layer: string) => StateNames>> = {
  k: (n) => ({ past: `past_key_values.${n}.key`, present: `present.${n}.key` }),
  v: (n) => ({
    past: `past_key_values.${n}.value`,
    present: `present.${n}.value`,
  }),
  tail: (n) => ({ past: `past_conv.${n}`, present: `present_conv.${n}` }),
  matrix: (n) => ({
    past: `past_recurrent.${n}`,
    present: `present_recurrent.${n}`,
  }),
};

/** Names by name of the state: `state.0.k`, `state.model.layers.1.conv.tail`. */
export function stateNames(
  states: readonly Pick<TracedState, "spec">[],
): (state: string) => StateNames {
  const found = new Map<string, StateNames>();
  const taken = new Set<string>();
  for (const { spec: { name } } of states) {
    const parts = name.split(".");
    const kind = KINDS[parts[parts.length - 1]];
    const layer = parts.find((part) => /^\d+$/.test(part)) ?? "0";
    const own = parts.slice(1, -1).join(".");
    let names = kind?.(layer);
    // several of a kind in one layer are told apart by their whole name
    if (names === undefined || taken.has(names.past)) {
      names = { past: `past_${own}`, present: `present_${own}` };
    }
    taken.add(names.past);
    found.set(name, names);
  }
  return (state) =>
    found.get(state) ?? { past: state, present: `${state}.after` };
}
