/**
 * The grammars of one tokenizer: its vocabulary is read once, and schemas that come again are kept.
 * @module
 */
import { Expressions } from "./expressions.ts";
import { TokenGrammar } from "./grammar_constraint.ts";
import { ANY_OBJECT, schemaExpression } from "./json_schema.ts";
import { type TokenBytes, TokenTrie } from "./token_trie.ts";

/** Grammars that are kept. */
const MOST_KEPT = 16;

/** Makes grammars of JSON schemas. */
export class Grammars {
  readonly #tokenizer: TokenBytes;
  readonly #columns: number;
  readonly #kept = new Map<string, TokenGrammar>();
  #trie: TokenTrie | null = null;

  /** `columns`: of the model's logits, where they are more than the tokenizer has tokens. */
  constructor(tokenizer: TokenBytes, columns: number = tokenizer.vocabSize) {
    this.#tokenizer = tokenizer;
    this.#columns = columns;
  }

  /**
   * The grammar of a JSON schema; `"json_object"`: of any JSON object. Throws `ConfigError` for a schema that answers
   * cannot be held to, with the place in it, and for a tokenizer that does not say which bytes its tokens are.
   */
  of(schema: unknown): TokenGrammar {
    const wanted = schema === "json_object" ? ANY_OBJECT : schema;
    const key = JSON.stringify(wanted);
    let grammar = this.#kept.get(key);
    if (grammar === undefined) {
      const expressions = new Expressions();
      const root = schemaExpression(wanted, expressions);
      this.#trie ??= new TokenTrie(this.#tokenizer, this.#columns);
      grammar = new TokenGrammar(root, { expressions, trie: this.#trie });
    }
    this.#kept.delete(key);
    this.#kept.set(key, grammar);
    if (this.#kept.size > MOST_KEPT) {
      const [oldest] = this.#kept.keys();
      this.#kept.delete(oldest);
    }
    return grammar;
  }
}
