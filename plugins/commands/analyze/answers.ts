/**
 * Answers that teach little: empty ones, and refusals. The one list of patterns; all are guesses by
 * wording, in English, so look at the rows before taking them out.
 * @module
 */

/** Texts that mean "no answer": what tools write where a cell was empty. Compared in lower case. */
export const PLACEHOLDERS: readonly string[] = [
  "nan",
  "n/a",
  "#n/a",
  "null",
  "<nooutput>",
  "nooutput",
  "no output",
  "<noinput>",
  "todo",
  "tbd",
];

/** A way to refuse. */
export interface RefusalPattern {
  /** What it is, in a word or two. */
  readonly name: string;
  /** Matched against the first {@linkcode REFUSAL_HEAD} characters. */
  readonly pattern: RegExp;
}

/** Characters of an answer in which a refusal is looked for. */
export const REFUSAL_HEAD = 240;

/** Ways to refuse. */
export const REFUSALS: readonly RefusalPattern[] = [
  {
    name: "says what it is",
    pattern:
      /\bas an? (?:\w+ )?(?:ai|artificial intelligence|(?:large )?language model|virtual assistant|chatbot)\b/i,
  },
  {
    name: "apologises",
    pattern:
      /^\W*(?:i(?:['’]m| am)|we(?:['’]re| are)) (?:very |so |really |truly )?(?:sorry|afraid)\b[^.!?]{0,80}?\b(?:can(?:no|['’]?)t|unable|not able|not possible|don['’]?t|do not|won['’]?t)\b/i,
  },
  {
    name: "apologises",
    pattern:
      /^\W*(?:sorry|(?:my )?apologies|unfortunately|regrettably|i apologi[sz]e)\b[^.!?]{0,80}?\b(?:can(?:no|['’]?)t|unable|not able|not possible|won['’]?t)\b/i,
  },
  {
    name: "cannot",
    pattern:
      /^\W*i (?:can(?:no|['’]?)t|am (?:unable|not able) to|['’]?m (?:unable|not able) to|won['’]?t|will not|must decline to) (?:\w+ ){0,2}?(?:help|assist|provide|answer|comply|fulfil+|create|write|generate|complete|discuss|do|give|offer|support|engage|process|access|browse|see|view|play)\b/i,
  },
  {
    name: "cannot",
    pattern:
      /^\W*i['’]m (?:unable|not able) to (?:\w+ ){0,2}?(?:help|assist|provide|answer|comply|create|write|generate|complete|discuss|do|give|process|access|browse|see|view)\b/i,
  },
  {
    name: "lacks something",
    pattern:
      /^\W*(?:there (?:is|was) no (?:input|text|passage|article|context|content)\b[^.!?]{0,20}?\b(?:provided|given|supplied)|(?:no|not enough) (?:input|information|context|text)\b[^.!?]{0,20}?\b(?:provided|given|available|to answer)|please provide (?:me with )?(?:the|more|an?|some|your))\b/i,
  },
];

/** What is wrong with an answer: `empty`, a placeholder's text, or null. */
export function emptinessOf(text: string): string | null {
  const trimmed = text.trim();
  if (trimmed === "") return "empty";
  if (trimmed.length > 12) return null;
  const lower = trimmed.toLowerCase();
  return PLACEHOLDERS.includes(lower) || /^[.\-_?…\s]+$/.test(lower)
    ? `only ${JSON.stringify(trimmed)}`
    : null;
}

/** How an answer refuses; null where it does not seem to. */
export function refusalOf(text: string): string | null {
  const head = text.slice(0, REFUSAL_HEAD);
  return REFUSALS.find(({ pattern }) => pattern.test(head))?.name ?? null;
}
