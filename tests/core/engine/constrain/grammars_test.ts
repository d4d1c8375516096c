import assert from "node:assert/strict";
import { Grammars } from "../../../../core/engine/constrain/grammars.ts";
import { byteTokenizer } from "../../../../plugins/tokenizers/byte.ts";
import { createPart } from "@denotune/denotune";
import { testData } from "../../../test_data.ts";
import { END, grammarOf, PIECES } from "./_follow.ts";

const byte = byteTokenizer({ add_bos: false });

/** The ids that may come next after a text. */
function allowedAfter(schema: unknown, text: string): number[] {
  const constraint = new Grammars(byte).of(schema).start(new Set([257]));
  for (const id of new TextEncoder().encode(text)) constraint.accept(id);
  const mask = constraint.allowed() ?? new Int32Array();
  return Array.from({ length: 259 }, (_, id) => id)
    .filter((id) => ((mask[id >>> 5] >>> (id & 31)) & 1) === 1);
}

const shown = (ids: number[]) =>
  ids.map((id) => id === 257 ? "END" : String.fromCharCode(id)).join(" ");

Deno.test("after each byte exactly what can continue is allowed", () => {
  const schema = {
    type: "object",
    properties: { n: { type: "integer", minimum: 7, maximum: 23 } },
    required: ["n"],
  };
  assert.equal(shown(allowedAfter(schema, '{"n":')), "  1 2 7 8 9");
  assert.equal(shown(allowedAfter(schema, '{"n":2')), "0 1 2 3");
  assert.equal(shown(allowedAfter(schema, '{"n":7')), "\n   }");
  assert.equal(shown(allowedAfter(schema, '{"n":7}')), "END");
  assert.equal(shown(allowedAfter({ enum: [true, null] }, "")), "  n t");
});

Deno.test("a schema that cannot be held to says where and why", () => {
  const grammars = new Grammars(byte);
  const refused = (schema: unknown, wanted: RegExp) =>
    assert.throws(() => grammars.of(schema), wanted, JSON.stringify(schema));
  const inA = (a: unknown) => ({ type: "object", properties: { a } });
  refused(inA({ not: {} }), /#\/properties\/a not cannot be held to/);
  refused(inA({ type: "array", uniqueItems: true }), /uniqueItems cannot/);
  refused(inA({ type: "strin" }), /the type "strin" is not known/);
  refused(inA({ $ref: "#/nope" }), /there is nothing at #\/nope/);
  refused(inA({ $ref: "https://x.org/y" }), /references must be to the schema/);
  refused(inA({ pattern: "(?=a)b" }), /it looks around itself/);
  refused(inA({ pattern: "(a" }), /it lacks a \)/);
  refused(inA({ minimum: "1" }), /minimum must be a number/);
  refused(inA({ multipleOf: 7 }), /multipleOf 7 needs a minimum/);
  refused(inA({ maxlength: 3 }), /maxlength cannot be held to/);
  refused({ anyOf: [] }, /anyOf must be a list/);
  refused([], /a schema is an object of keywords/);
  refused({ type: "integer", minimum: 5, maximum: 3 }, /contradicts itself/);
  refused({ $ref: "#" }, /contradicts itself|circle/);
  refused({ allOf: [{ $ref: "#" }] }, /circle/);
});

Deno.test("hostile schemas end in bounded time", () => {
  const grammars = new Grammars(byte);
  const nested = Array.from({ length: 300 }).reduce<unknown>(
    (inner) => ({ type: "array", items: inner }),
    {},
  );
  grammars.of(nested);
  const wide = {
    enum: Array.from({ length: 5000 }, (_, i) => `value ${i}`),
  };
  grammars.of(wide).start(new Set([257])).allowed();
  const constraint = grammars.of({
    type: "string",
    pattern: "^(a*)*(a|b|ab)*$",
  })
    .start(new Set([257]));
  for (const id of new TextEncoder().encode(`"${"ab".repeat(500)}"`)) {
    constraint.allowed();
    constraint.accept(id);
  }
  assert.ok(constraint.isComplete);
  const counted = grammars.of({
    type: "string",
    pattern: "^(((a{0,99}){0,99}){0,99}){0,99}$",
  }).start(new Set([257]));
  assert.throws(() => {
    counted.accept(0x22);
    for (let i = 0; i < 2000; i++) {
      counted.allowed();
      counted.accept(0x61);
    }
  }, /too many readings/);
});

const MINIMIND = testData("tokenizers/minimind");
const STORIES = testData("models/stories260k");

for (const [name, folder] of Object.entries({ MINIMIND, STORIES })) {
  Deno.test({
    name:
      `the bytes of ${name.toLowerCase()}'s tokens are the texts that its decoder writes`,
    ignore: folder === null,
    fn: async () => {
      const tokenizer = await createPart("tokenizer", {
        use: "huggingface",
        path: folder ?? "",
      });
      const utf8 = new TextDecoder();
      const begun = [...tokenizer.encode("a", { addBos: false }).ids];
      const before = tokenizer.decode(begun);
      for (let id = 0; id < tokenizer.vocabSize; id++) {
        if (tokenizer.isSpecial(id)) continue;
        const bytes = tokenizer.bytesOf?.(id) ?? new Uint8Array();
        assert.equal(
          before + utf8.decode(bytes),
          tokenizer.decode([...begun, id]),
          String(tokenizer.tokenOf(id)),
        );
      }
    },
  });
}

Deno.test("a mask is what the tokens one by one say, wherever a counter is", () => {
  const schema = {
    type: "object",
    properties: { s: { type: "string", minLength: 2, maxLength: 9 } },
    required: ["s"],
  };
  const text = '{"s": "aé日🙂bcdef"}';
  const bytes = new TextEncoder().encode(text);
  const grammar = grammarOf(schema);
  const ends = new Set([END]);
  for (let at = 0; at <= bytes.length; at++) {
    const follow = () => {
      const constraint = grammar.start(ends);
      for (const id of bytes.subarray(0, at)) constraint.accept(id);
      return constraint;
    };
    const mask = follow().allowed() ?? new Int32Array();
    PIECES.forEach((piece, id) => {
      let fits = true;
      try {
        const constraint = follow();
        for (const byte of piece) constraint.accept(byte);
      } catch {
        fits = false;
      }
      const isAllowed = ((mask[id >>> 5] >>> (id & 31)) & 1) === 1;
      assert.equal(isAllowed, fits, `${id} at ${at}`);
    });
  }
});
