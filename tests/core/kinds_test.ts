/**
 * Nothing is a kind of part unless a run file or a command can choose it; and every kind has a public suite.
 */
import assert from "node:assert/strict";
import { type Kind, KINDS } from "../../core/contracts/plugin.ts";
import { isPlainObject } from "../../core/config/parse/tree.ts";
import { PART_FIELD } from "../../core/config/schema/part_field.ts";
import { bareJsonSchema } from "../../core/config/schema/schema.ts";
import * as testing from "@denotune/denotune/testing";
import { builtinRegistry } from "../run_harness.ts";

/** Kinds that no key of a run file names, and what chooses them instead. */
const ELSEWHERE: { readonly [K in Kind]?: string } = {
  model: "`model_type` of the model's config",
  activation: "`hidden_act` of the model's config",
  command: "the first word of the command line",
  exporter: "`export RUN --to NAME`",
};

function kindsIn(schema: unknown): Set<string> {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit);
    if (!isPlainObject(value)) return;
    const field = value[PART_FIELD];
    if (isPlainObject(field)) found.add(String(field.kind));
    Object.values(value).forEach(visit);
  };
  visit(schema);
  return found;
}

const chosen = kindsIn(bareJsonSchema("sft"));

for (const kind of KINDS) {
  Deno.test(`the kind ${kind} can be chosen`, () => {
    if (ELSEWHERE[kind] === undefined) {
      assert.ok(chosen.has(kind), "no key of the run file chooses it");
    } else assert.ok(!chosen.has(kind), `not only by ${ELSEWHERE[kind]}`);
    const parts = builtinRegistry().names(kind);
    assert.ok(parts.length > 0, "no part of this kind");
  });

  Deno.test(`the kind ${kind} has a public suite`, () => {
    const name = `test${kind[0].toUpperCase()}${kind.slice(1)}`;
    const suite: unknown = Object.entries(testing)
      .find(([key]) => key === name)?.[1];
    assert.equal(typeof suite, "function", name);
  });
}
