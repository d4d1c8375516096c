/**
 * Merge rules as scores. llama.cpp's `llama` tokenizer knows no rules: it joins any two neighbours whose text is a
 * token, the one with the highest score first. That is the same where the rules of a token are next to each other, and
 * there is one for each way to cut it in two: so it is in vocabularies that sentencepiece trained.
 * @module
 */
import {
  partsOf,
  refusal,
  type Section,
  sectionIn,
  TOKEN_TYPES,
} from "./tokenizer_json.ts";

const SPACE = "\u2581"; // stands for a space

/** Whether a space is put in front of a text, and of what is behind a special token. */
export function spacePrefixOf(json: Section): boolean {
  const normalizers = partsOf(sectionIn(json, "normalizer"), "normalizers");
  const steps = partsOf(sectionIn(json, "pre_tokenizer"), "pretokenizers");
  let isPrefixed = false;
  let isReplaced = false;
  for (const step of normalizers) {
    const pattern = sectionIn(step, "pattern");
    if (step.type === "Prepend" && step.prepend === SPACE) isPrefixed = true;
    else if (
      step.type === "Replace" && pattern?.String === " " &&
      step.content === SPACE
    ) isReplaced = true;
    else throw stepRefused("normalizer", step);
  }
  for (const step of steps) {
    const pattern = sectionIn(step, "pattern");
    if (
      step.type === "Metaspace" && step.replacement === SPACE &&
      step.prepend_scheme !== "first" && !isReplaced
    ) {
      isReplaced = true;
      isPrefixed = step.prepend_scheme !== "never" &&
        step.add_prefix_space !== false;
    } else if (
      step.type === "Split" && pattern?.String === " " &&
      step.behavior === "MergedWithPrevious"
    ) {
      // spaces are gone by then: it cuts nothing
    } else throw stepRefused("pre-tokenizer", step);
  }
  if (!isReplaced) throw refusal("spaces are not replaced by \u2581");
  return isPrefixed;
}

function stepRefused(what: string, step: Section): Error {
  return refusal(
    `its ${what} has the step ${JSON.stringify(step).slice(0, 120)}`,
  );
}

/** A score for each token: the sooner it is merged, the higher. Throws `ConfigError` for rules that scores cannot say. */
export function scoresOf(
  { tokens, types, merges }: {
    readonly tokens: readonly string[];
    readonly types: readonly number[];
    readonly merges: readonly string[];
  },
): number[] {
  const ids = new Map<string, number>();
  tokens.forEach((token, id) => {
    if (types[id] === TOKEN_TYPES.normal) ids.set(token, id);
  });
  /** Number of the first rule of a token, and of all its rules. */
  const rules = new Map<string, { first: number; count: number }>();
  let last: string | null = null;
  merges.forEach((rule, number) => {
    const cut = rule.indexOf(" ", 1);
    const token = rule.slice(0, cut) + rule.slice(cut + 1);
    const known = rules.get(token);
    if (known === undefined) rules.set(token, { first: number, count: 1 });
    else if (last !== token) {
      throw refusal(
        `merge rule ${number + 1} (${rule}) makes ${
          JSON.stringify(token)
        }, which rule ${known.first + 1} makes too, and others are between`,
      );
    } else known.count++;
    last = token;
  });
  for (const [token] of ids) {
    const points = [...token];
    if (points.length === 1) continue;
    let [ways, text] = [0, ""];
    for (const point of points.slice(0, -1)) {
      text += point;
      if (ids.has(text) && ids.has(token.slice(text.length))) ways++;
    }
    const known = rules.get(token)?.count ?? 0;
    if (ways !== known) {
      throw refusal(
        `${
          JSON.stringify(token)
        } can be merged from two tokens in ${ways} ways, and there are ${known} rules for it`,
      );
    }
  }
  return tokens.map((token, id) =>
    types[id] === TOKEN_TYPES.normal
      ? -(rules.get(token)?.first ?? merges.length)
      : 0
  );
}

/** The merge rules that scores say, in order: of `merges`, those of a higher score first. */
export function mergesOfScores(
  { tokens, scores, merges }: {
    readonly tokens: readonly string[];
    readonly scores: readonly number[];
    readonly merges: readonly string[];
  },
): string[] {
  const byToken = new Map(tokens.map((token, id) => [token, scores[id]]));
  const scoreOf = (rule: string): number => {
    const cut = rule.indexOf(" ", 1);
    return byToken.get(rule.slice(0, cut) + rule.slice(cut + 1)) ?? -Infinity;
  };
  return [...merges].sort((a, b) => scoreOf(b) - scoreOf(a));
}
