/**
 * What every format must do. Call it with your own and rows of its kind: it registers tests.
 * @module
 */
import assert from "node:assert/strict";
import {
  type Format,
  isDenotuneError,
  type ParsedExample,
} from "@denotune/denotune/core";

/** A format, rows that it reads and the examples they are, and rows that it must refuse. */
export interface FormatCase {
  /** Makes the format. */
  readonly make: () => Format | Promise<Format>;
  /** Rows and the examples that they are. */
  readonly rows: readonly {
    readonly row: unknown;
    readonly example: ParsedExample;
  }[];
  /** Rows to refuse, each with what the message must say. */
  readonly refused: readonly {
    readonly row: unknown;
    readonly message: RegExp;
  }[];
}

const where = { path: "data/rows.jsonl", line: 37, index: 36 };

/** Registers the tests of a format. */
export function testFormat(
  name: string,
  { make, rows, refused }: FormatCase,
): void {
  Deno.test(`${name}: reads its rows`, async () => {
    const format = await make();
    for (const { row, example } of rows) {
      assert.deepEqual(format.parse({ value: row, where }), example);
      const score = format.recognises(row);
      assert.ok(
        score > 0 && score <= 1,
        `recognises gave ${score} for ${JSON.stringify(row)}`,
      );
    }
  });

  Deno.test(`${name}: examples keep the contract`, async () => {
    const format = await make();
    for (const { row } of rows) {
      checkExample(format.parse({ value: row, where }));
    }
  });

  Deno.test(`${name}: refuses other rows with their place`, async () => {
    const format = await make();
    for (const { row, message } of refused) {
      assert.throws(() => format.parse({ value: row, where }), (error) => {
        assert.ok(
          isDenotuneError(error) && error.name === "DataError",
          String(error),
        );
        assert.ok(error.message.includes("data/rows.jsonl:37"), error.message);
        assert.match(error.message, message);
        return true;
      });
    }
  });

  Deno.test(`${name}: recognises never throws`, async () => {
    const format = await make();
    for (
      const value of [
        undefined,
        null,
        3,
        "text",
        [],
        {},
        [[]],
        { messages: 3 },
        { messages: [null] },
      ]
    ) {
      const score = format.recognises(value);
      assert.ok(score >= 0 && score <= 1);
    }
  });

  Deno.test(`${name}: does not change the row`, async () => {
    const format = await make();
    for (const { row } of rows) {
      const before = structuredClone(row);
      format.parse({ value: row, where });
      assert.deepEqual(row, before);
    }
  });
}

function checkExample(example: ParsedExample): void {
  if ("sequences" in example) {
    assert.ok(example.sequences.length > 0);
    example.sequences.forEach(checkExample);
    return;
  }
  if ("ids" in example) {
    assert.ok(example.ids.every((id) => Number.isInteger(id) && id >= 0));
    if (example.weights === undefined) return;
    assert.equal(example.weights.length, example.ids.length);
    assert.ok(example.weights.every((weight) => weight >= 0));
    return;
  }
  if ("text" in example) assert.equal(typeof example.text, "string");
  else if ("prompt" in example) {
    assert.equal(typeof example.prompt, "string");
    assert.equal(typeof example.completion, "string");
  } else {
    assert.ok(example.messages.length > 0);
    for (const message of example.messages) {
      assert.equal(typeof message.content, "string");
      assert.ok(["system", "user", "assistant", "tool"].includes(message.role));
      if (message.weight !== undefined) assert.ok(message.weight >= 0);
      if (message.input !== undefined) assert.equal(message.role, "user");
    }
  }
}
