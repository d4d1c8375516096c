/**
 * Answers of a model that writes anything: drawn token by token among those that a grammar allows.
 * @module
 */
import { Expressions } from "../../../../core/engine/constrain/expressions.ts";
import { TokenGrammar } from "../../../../core/engine/constrain/grammar_constraint.ts";
import { schemaExpression } from "../../../../core/engine/constrain/json_schema.ts";
import { TokenTrie } from "../../../../core/engine/constrain/token_trie.ts";
import { hash32 } from "../../../../core/random.ts";

/** A vocabulary: bytes, some longer tokens, parts of characters, and an end. */
export const PIECES: readonly Uint8Array[] = [
  ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
  ...[
    '{"',
    '":',
    '": ',
    '", "',
    '"}',
    "}}",
    "]}",
    ' "',
    "true",
    "null",
    "false",
    "},",
    '"]',
    "name",
    "ab",
    'a"',
    "\\u00",
    "12",
    "0.",
    "-1",
    "é",
    "日本",
    "🙂",
    "\n  ",
    ", ",
    "[]",
    "{}",
    '\\"',
    'abc": [',
    "20",
    "-0",
    "@",
    ".com",
  ].map((piece) => new TextEncoder().encode(piece)),
  Uint8Array.of(0xe6, 0x97), // the beginning of a character
  Uint8Array.of(0x98, 0x22), // the end of one, and a quote
];
export const END = PIECES.length;

export const TRIE: TokenTrie = new TokenTrie({
  vocabSize: PIECES.length + 1,
  isSpecial: (id) => id === END,
  bytesOf: (id) => PIECES[id] ?? null,
}, PIECES.length + 1);

/** The grammar of a schema on that vocabulary. */
export function grammarOf(
  schema: unknown,
  trie: TokenTrie = TRIE,
): TokenGrammar {
  const expressions = new Expressions();
  return new TokenGrammar(schemaExpression(schema, expressions), {
    expressions,
    trie,
  });
}

/** An answer; null where it did not end within so many tokens. */
export function drawn(
  grammar: TokenGrammar,
  seed: number,
  most = 4000,
): string | null {
  const constraint = grammar.start(new Set([END]));
  const bytes: number[] = [];
  for (let step = 0; step < most; step++) {
    const mask = constraint.allowed() ?? new Int32Array();
    const ids: number[] = [];
    for (let id = 0; id <= END; id++) {
      if (((mask[id >>> 5] >>> (id & 31)) & 1) === 1) ids.push(id);
    }
    // what closes comes more often than by chance, so that the text ends
    const closing = ids.filter((id) =>
      id === END || id === 0x22 || id === 0x5d || id === 0x7d
    );
    const draw = hash32(seed, step) >>> 0;
    const from = closing.length > 0 && draw % 5 < 2 + step / 50 ? closing : ids;
    const id = from[(draw >>> 8) % from.length];
    constraint.accept(id);
    if (id === END) break;
    bytes.push(...PIECES[id]);
    if (constraint.isComplete) break;
    if (step === most - 1) return null;
  }
  return new TextDecoder("utf-8", { fatal: true }).decode(
    Uint8Array.from(bytes),
  );
}
