/**
 * The stages of a row program as passes over its columns.
 * @module
 */
import type { Expression, RowProgram, Stage } from "@denotune/denotune/device";
import { walk } from "./expressions.ts";

/** A sum or a maximum of a row. */
export type Reduce = Extract<Stage, { kind: "reduce" }>;
/** What a row, or each of its columns, gets. */
export type Write = Extract<Stage, { kind: "write" }>;
/** Stages of one pass over the columns, or one stage of the row alone. */
export type Pass = readonly (Reduce | Write)[] | Stage;

/** What a stage computes. */
export function expressionOf(stage: Stage): Expression {
  return stage.kind === "reduce"
    ? stage.of
    : stage.kind === "let"
    ? stage.be
    : stage.value;
}

/**
 * Groups stages into passes. A stage joins a pass if it needs no value that the pass defines. All stages read
 * the inputs as they were: within a pass everything is computed before anything is stored, and a write over an
 * input that a later pass reads waits for the last pass.
 */
export function passesOf(
  program: RowProgram,
  aliases: readonly (readonly number[])[],
): Pass[] {
  const passes: Pass[] = [];
  let current: (Reduce | Write)[] = [];
  const close = () => {
    if (current.length > 0) passes.push(current);
    current = [];
  };
  for (const stage of program.stages) {
    const columnWrite = stage.kind === "write" &&
      program.outputs[stage.output] === "column";
    if (stage.kind === "let" || columnWrite) {
      close();
      passes.push(stage);
      continue;
    }
    const names = new Set(
      current.map((s) => s.kind === "reduce" ? s.name : ""),
    );
    const needs = [...walk(expressionOf(stage))].some((e) =>
      e.kind === "value" && names.has(e.name)
    );
    if (needs) close();
    current.push(stage);
  }
  close();
  return postponeWrites(passes, aliases);
}

/** Moves writes over inputs that later passes read to the end. */
function postponeWrites(
  passes: readonly Pass[],
  aliases: readonly (readonly number[])[],
): Pass[] {
  const readBy = (pass: Pass): number[] =>
    (isPass(pass) ? pass : [pass]).flatMap((stage) =>
      [...walk(expressionOf(stage))].flatMap((e) =>
        e.kind === "input" ? [e.input] : []
      )
    );
  const postponed: Write[] = [];
  const kept = passes.map((pass, i): Pass => {
    if (!isPass(pass)) return pass;
    // A write that overwrites the input of a later pass is moved to the end.
    const later = new Set(passes.slice(i + 1).flatMap(readBy));
    const waits = (s: Reduce | Write): s is Write =>
      s.kind === "write" && aliases[s.output].some((input) => later.has(input));
    postponed.push(...pass.filter(waits));
    return pass.filter((s) => !waits(s));
  }).filter((pass) => !isPass(pass) || pass.length > 0);
  if (postponed.length === 0) return kept;
  const last = kept[kept.length - 1];
  if (
    last === undefined || !isPass(last) || last.some((s) => s.kind === "reduce")
  ) {
    return [...kept, postponed];
  }
  return [...kept.slice(0, -1), [...postponed, ...last]];
}

/** Whether it goes over the columns. */
export function isPass(pass: Pass): pass is readonly (Reduce | Write)[] {
  return Array.isArray(pass);
}
