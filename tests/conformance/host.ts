/**
 * What parts are created with in tests.
 * @module
 */
import type { Host, TokenizerFacts } from "@denotune/denotune/core";

/** A tokenizer that knows its special tokens only, `<s>` and `</s>` where nothing else is said. */
export function tokenizerFacts(
  known: Partial<TokenizerFacts> = {},
): TokenizerFacts {
  const { bos, eos } = known.specialTokens ?? { bos: "<s>", eos: "</s>" };
  const names = [bos, eos];
  const idOf = (token: string) =>
    names.includes(token) ? names.indexOf(token) : null;
  return {
    vocabSize: 259,
    specialTokens: { bos, eos, pad: null, unk: null },
    specialIds: {
      bos: bos === null ? null : 0,
      eos: eos === null ? null : 1,
      pad: null,
      unk: null,
    },
    chatTemplate: null,
    addsBos: false,
    idOf,
    tokenOf: (id) => names[id] ?? null,
    isSpecial: (id) => names[id] !== undefined && names[id] !== null,
    ...known,
  };
}

/** A host of a test: a tokenizer, no model, no other parts; what is said is dropped. */
export function testHost(known: Partial<Host> = {}): Host {
  return {
    resolvePath: (path) => path,
    modelDir: null,
    modelConfig: null,
    tokenizer: tokenizerFacts(),
    create: (kind) =>
      Promise.reject(new Error(`There is no other ${kind} in this test`)),
    list: () => [],
    notice: () => {},
    seed: 0,
    ...known,
  };
}
