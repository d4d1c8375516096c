/**
 * What parts are created with in tests.
 * @module
 */
import type {
  AnyPart,
  Choice,
  Host,
  Kind,
  KindMap,
  TokenizerFacts,
} from "@denotune/denotune/core";

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

/**
 * Makes a part of a plugin as a run does: options are checked and get their defaults, and its host makes the plugin's
 * other parts. Throws where the plugin has no part of that kind, or the options are refused.
 */
export async function makePart<K extends Kind>(
  plugin: { readonly parts: readonly AnyPart[] },
  kind: K,
  options: Readonly<Record<string, unknown>> = {},
  host: Host = hostBeside(plugin),
): Promise<KindMap[K]> {
  const isWanted = (part: AnyPart): part is Extract<AnyPart, { kind: K }> =>
    part.kind === kind;
  const part = plugin.parts.find(isWanted);
  if (part === undefined) throw new TypeError(`The plugin has no ${kind}`);
  const checked = await part.options["~standard"].validate(options);
  if (checked.issues !== undefined) {
    throw new TypeError(
      checked.issues.map(({ message }) => message).join("; "),
    );
  }
  return await part.create(checked.value, host) as KindMap[K];
}

/** A host of a test that makes the parts of a plugin by their names. */
function hostBeside(plugin: { readonly parts: readonly AnyPart[] }): Host {
  const host: Host = testHost({
    create: async <K extends Kind>(
      kind: K,
      choice: Choice,
    ): Promise<KindMap[K]> => {
      const { use, ...options } = typeof choice === "string"
        ? { use: choice }
        : choice;
      const parts = plugin.parts.filter((part) =>
        part.kind === kind && part.name === use
      );
      return parts.length === 0
        ? await testHost().create(kind, choice)
        : await makePart({ parts }, kind, options, host);
    },
  });
  return host;
}
