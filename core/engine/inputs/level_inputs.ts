/**
 * The levels of a micro-batch, for losses per level: the sequence of each trained row, the group of each
 * sequence, and the members of each group.
 *
 * ```text
 * segments   1 1 1 2 2 0      groups   1 1 1 1 1 0      rows   0 1 . 3 . .
 * sequence   0 0 0 1 1        group    0 0 0 0 0        row_sequence    0 0 1
 *                                                       sequence_group  0 0
 * ```
 * @module
 */
import { PluginError } from "../../contracts/errors.ts";
import type { Inputs } from "../../contracts/objective.ts";
import { sortIndex } from "./host_inputs.ts";
import type { InputArrays } from "./program_inputs.ts";

/** Inputs and extents of the levels. */
export interface LevelInputs {
  readonly data: InputArrays;
  readonly extents: Readonly<Record<string, number>>;
}

/** Sequences and groups of a micro-batch, numbered from 0 in the order of the tokens. */
export interface BatchLevels {
  /** Sequence of each token (N); -1 for padding. */
  readonly sequenceOf: Int32Array; // (N)
  /** Group of each sequence (S). */
  readonly groupOf: Int32Array; // (S)
  /** Sequences of each group. */
  readonly members: readonly (readonly number[])[]; // (G)
}

/** Numbers the sequences and groups of a micro-batch. */
export function batchLevels(
  { B, T, segments, groups }: Pick<Inputs, "B" | "T" | "segments" | "groups">,
): BatchLevels {
  const sequenceOf = new Int32Array(B * T).fill(-1);
  const groupOf: number[] = [];
  const members: number[][] = [];
  const numbers = new Map<number, number>(); // a batch's group -> ours
  for (let at = 0; at < B * T; at++) {
    if (segments[at] === 0) continue;
    const isNew = at % T === 0 || segments[at] !== segments[at - 1];
    if (isNew) {
      const sequence = groupOf.length;
      const own = groups?.[at] ?? sequence + 1;
      let group = numbers.get(own);
      if (group === undefined) {
        group = members.length;
        numbers.set(own, group);
        members.push([]);
      }
      members[group].push(sequence);
      groupOf.push(group);
    }
    sequenceOf[at] = groupOf.length - 1;
  }
  return { sequenceOf, groupOf: Int32Array.from(groupOf), members };
}

/** Sequences of a batch: segments, without padding. */
export function sequencesOf(
  { B, T, segments }: Pick<Inputs, "B" | "T" | "segments">,
): number {
  let count = 0;
  for (let at = 0; at < B * T; at++) {
    const isNew = at % T === 0 || segments[at] !== segments[at - 1];
    if (isNew && segments[at] !== 0) count++;
  }
  return count;
}

/**
 * What a loss at levels reads. `memberCount`: the members of each group that it names; throws `PluginError` for a
 * group that has fewer.
 */
export function levelInputs(
  inputs: Inputs,
  { memberCount }: { memberCount: number },
): LevelInputs {
  const { sequenceOf, groupOf, members } = batchLevels(inputs);
  const rowSequence = Int32Array.from(inputs.rows, (at) => sequenceOf[at]);
  const bySequence = sortIndex(rowSequence);
  const byGroup = sortIndex(groupOf);
  const sources = new Int32Array(groupOf.length);
  rowSequence.forEach((s, r) => sources[s] = inputs.sources[r]);
  const data: InputArrays = {
    row_sequence: rowSequence,
    "row_sequence.order": bySequence.order,
    "row_sequence.ids": bySequence.ids,
    "row_sequence.starts": bySequence.starts,
    sequence_group: groupOf,
    "sequence_group.order": byGroup.order,
    "sequence_group.ids": byGroup.ids,
    "sequence_group.starts": byGroup.starts,
    sequence_sources: sources,
    group_sources: Int32Array.from(members, ([first]) => sources[first]),
  };
  for (const [group, own] of members.entries()) {
    if (own.length >= memberCount) continue;
    throw new PluginError(
      `The loss reads ${memberCount} sequences of each example; example ${
        group + 1
      } of a batch has ${own.length}: give it data whose examples are of several sequences (pairs, groups)`,
    );
  }
  for (let k = 0; k < memberCount; k++) {
    data[`group_member.${k}`] = Int32Array.from(members, (own) => own[k]);
  }
  for (const [name, values] of Object.entries(inputs.own ?? {})) {
    data[`own.${name}`] = values;
  }
  return {
    data,
    extents: {
      S: groupOf.length,
      G: members.length,
      "row_sequence.unique": bySequence.ids.length,
      "row_sequence.unique+1": bySequence.ids.length + 1,
      "sequence_group.unique": byGroup.ids.length,
      "sequence_group.unique+1": byGroup.ids.length + 1,
    },
  };
}

/** Capacities of the dimensions of the levels, for batches of `tokens` tokens. */
export function levelCapacities(
  tokens: number,
): Readonly<Record<string, number>> {
  return {
    S: tokens,
    G: tokens,
    "row_sequence.unique": tokens,
    "row_sequence.unique+1": tokens + 1,
    "sequence_group.unique": tokens,
    "sequence_group.unique+1": tokens + 1,
  };
}
