/**
 * Tables of several models as one: a column that says the same for all is shown once, the others once a model.
 *
 * ```text
 * base:  prompt  generated        prompt  generated · base  generated · tuned
 * tuned: prompt  generated   ─►
 * ```
 * @module
 */
import type { Json } from "@denotune/denotune/core";
import type { Records } from "./report.ts";

/** A column of the joined table. */
export interface JoinedColumn {
  readonly name: string;
  /** The model that it belongs to; null: all say the same. */
  readonly model: string | null;
}

/** A joined table. */
export interface JoinedTable {
  readonly columns: readonly JoinedColumn[];
  readonly rows: readonly (readonly Json[])[];
}

/** One table of those that an evaluator gave for each model; null where their rows do not belong together. */
export function joinTables(
  tables: readonly { readonly model: string; readonly records: Records }[],
): JoinedTable | null {
  const [first] = tables;
  const length = first?.records.length ?? 0;
  if (length === 0) return null;
  if (tables.some(({ records }) => records.length !== length)) return null;
  const names = Object.keys(first.records[0]);
  const isShared = (name: string) =>
    tables.every(({ records }) =>
      records.every((record, i) =>
        JSON.stringify(record[name]) ===
          JSON.stringify(first.records[i][name])
      )
    );
  const shared = new Set(names.filter(isShared));
  // without a column in common the rows are about different things
  if (tables.length > 1 && shared.size === 0) return null;
  const alone = tables.length === 1;
  const columns = names.flatMap((name): readonly Source[] =>
    shared.has(name)
      ? [{ name, model: null, records: first.records }]
      : tables.map(({ model, records }) => ({ name, model, records }))
  );
  return {
    columns: columns.map(({ name, model }) => ({
      name,
      model: alone ? null : model,
    })),
    rows: first.records.map((_, i) =>
      columns.map(({ name, records }) => records[i][name] ?? null)
    ),
  };
}

interface Source extends JoinedColumn {
  readonly records: Records;
}

/** The values of a column that has numbers only, by model; null where another column is no number. */
export function numbersOf(records: Records, name: string): number[] | null {
  const values = records.map((record) => record[name]);
  const numbers = values.filter((v) => typeof v === "number");
  return numbers.length === values.length ? numbers : null;
}
