/**
 * The tokenizer of a run, with the tokens that its templates and its objective add to it.
 * @module
 */
import type { Template } from "../../contracts/template.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import {
  beside,
  createResolved,
  type Creating,
} from "../../config/parts/create_part.ts";
import { chosenAt } from "../../config/chosen_at.ts";
import type { LoadedRun } from "../../config/load.ts";
import { ConfigError, isDenotuneError } from "../../contracts/errors.ts";

/**
 * Makes the tokenizer; the markers that it lacks are added where a template asks for it, and so are the special
 * tokens of the objective. Throws `ConfigError`
 * for a tokenizer that takes no tokens.
 */
export async function openTokenizer(
  run: LoadedRun,
  creating: Creating,
): Promise<Tokenizer> {
  const chosen = chosenAt(run, "tokenizer", "tokenizer");
  if (chosen === null) throw new ConfigError("`tokenizer` is not set");
  const tokenizer = await createResolved(chosen, creating);
  const { data } = run.config;
  const keys = [
    "data.template",
    ...data.train.map((_, i) => `data.train.${i}.template`),
    ...data.eval.map((_, i) => `data.eval.${i}.template`),
  ];
  const missing = new Set<string>();
  // what a template has to say is said when it is made for its rows
  const silent = beside(creating, { tokenizer, notice: () => {} });
  for (const key of keys) {
    const template = chosenAt(run, "template", key);
    if (template === null) continue;
    const { addMissing, markers = [] } = await createResolved(template, silent);
    if (addMissing !== true) continue;
    for (const m of markers) if (!isToken(tokenizer, m)) missing.add(m);
  }
  const objective = chosenAt(run, "objective", "objective");
  if (objective !== null) {
    const { specialTokens = [] } = await createResolved(objective, silent);
    for (const token of specialTokens) {
      if (tokenizer.idOf(token) === null) missing.add(token);
    }
  }
  if (missing.size === 0) return tokenizer;
  if (tokenizer.withTokens === undefined) {
    throw new ConfigError(
      `Cannot add ${
        [...missing].join(", ")
      } to the vocabulary: the tokenizer ${chosen.part.name} takes no tokens; leave out add_missing, or name a token that it has`,
    );
  }
  return await tokenizer.withTokens([...missing]);
}

/** Whether a text is one token. */
export function isToken(tokenizer: Tokenizer, text: string): boolean {
  return lengthOf(tokenizer, text) === 1;
}

/**
 * What to say of the markers in a rendered text that are no tokens: they are trained as text, in pieces. Null
 * where there are none.
 */
export function describeMarkers(
  tokenizer: Tokenizer,
  { name, template, text }: {
    readonly name: string;
    readonly template: Template;
    readonly text: string;
  },
): string | null {
  const pieces = (template.markers ?? []).filter((m) => text.includes(m))
    .map((marker) => ({ marker, length: lengthOf(tokenizer, marker) }))
    .filter(({ length }) => length !== 1);
  if (pieces.length === 0) return null;
  const list = pieces.map(({ marker, length }) =>
    length === null ? marker : `${marker} (${length} tokens)`
  );
  return `The vocabulary lacks ${
    list.join(", ")
  }, which the template ${name} writes: they are trained as text. With \`template: {use: ${name}, add_missing: true}\` they become tokens`;
}

/** Tokens of a text; null where they cannot be traced. */
function lengthOf(tokenizer: Tokenizer, text: string): number | null {
  try {
    return tokenizer.encode(text, { addBos: false }).ids.length;
  } catch (error) {
    if (isDenotuneError(error)) return null;
    throw error;
  }
}
