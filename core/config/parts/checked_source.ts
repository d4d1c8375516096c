/**
 * A source of a plugin whose rows are checked one by one: what is wrong names the source and the row.
 * @module
 */
import { isDenotuneError, PluginError } from "../../contracts/errors.ts";
import type { RawRecord, RecordStore, Source } from "../../contracts/source.ts";
import { messageOf, show } from "../parse/problem.ts";

/** Rows that a file may have: their indices are 32 bits wide. */
const MOST_ROWS = 2 ** 32 - 1;
/** Empty lists that a stream may give one behind the other: more would keep the process busy for ever. */
const MOST_EMPTY = 10_000;

/** The source, with checks. `described`: the part and its plugin, in messages. */
export function checkedSource(made: Source, described: string): Source {
  const { stream, parse } = made;
  return {
    accepts: (file) => made.accepts(file),
    async open(request) {
      return checkedStore(await made.open(request), {
        described,
        path: request.path,
      });
    },
    ...(stream === undefined ? {} : {
      async *stream(request) {
        const at = { described, path: request.path };
        let row = 0;
        let empty = 0;
        for await (const rows of stream.call(made, request)) {
          if (!Array.isArray(rows)) {
            throw new PluginError(
              `\`stream\` of the ${described} gave ${
                show(rows)
              } after ${row} rows of ${request.path}; expected a list of rows`,
            );
          }
          empty = rows.length === 0 ? empty + 1 : 0;
          if (empty > MOST_EMPTY) {
            throw new PluginError(
              `\`stream\` of the ${described} gave ${MOST_EMPTY} empty lists one behind the other, after ${row} rows of ${request.path}`,
            );
          }
          for (const given of rows) {
            checkRecord(given, { ...at, method: "stream", row: row++ });
          }
          yield rows;
        }
      },
    }),
    ...(parse === undefined ? {} : { parse: (row) => parse.call(made, row) }),
  };
}

interface At {
  readonly described: string;
  /** The file. */
  readonly path: string;
}

function checkedStore(made: RecordStore, at: At): RecordStore {
  const { length } = made;
  if (!(Number.isInteger(length) && length >= 0 && length <= MOST_ROWS)) {
    throw new PluginError(
      `\`open\` of the ${at.described} gave ${
        show(length)
      } as the \`length\` of ${at.path}; expected the number of its rows`,
    );
  }
  return {
    length,
    fingerprint: made.fingerprint,
    at(index) {
      const where = { ...at, method: "at", row: index };
      let record: RawRecord;
      try {
        record = made.at(index);
      } catch (error) {
        if (!isDenotuneError(error)) throw error;
        if (error.name !== "PluginError") throw error;
        throw new PluginError(
          `Row ${index} of ${at.path}: ${messageOf(error)}`,
          { cause: error },
        );
      }
      checkRecord(record, where);
      return record;
    },
    [Symbol.dispose]: () => made[Symbol.dispose](),
  };
}

function checkRecord(
  given: unknown,
  { described, path, method, row }: At & {
    readonly method: string;
    readonly row: number;
  },
): void {
  const where: unknown = typeof given === "object" && given !== null
    ? Reflect.get(given, "where")
    : undefined;
  const isRecord = typeof where === "object" && where !== null &&
    typeof Reflect.get(where, "path") === "string" &&
    Number.isInteger(Reflect.get(where, "index"));
  if (isRecord) return;
  throw new PluginError(
    `\`${method}\` of the ${described} gave ${
      show(given)
    } as row ${row} of ${path}; expected {value, where: {path, index}}`,
  );
}
