/**
 * Templates for tests.
 * @module
 */
import type {
  Example,
  Message,
  Rendered,
  Template,
  TokenizerFacts,
} from "@denotune/denotune/core";
import { jinjaTemplate } from "../../../plugins/templates/jinja_template/jinja_template.ts";
import { testHost, tokenizerFacts } from "../../conformance/host.ts";
import { templateParts } from "../../../plugins/templates/mod.ts";

/** What tests bind templates to. */
export const CONTEXT: TokenizerFacts = tokenizerFacts();

/** Makes a part by name, with its options as users write them, beside a tokenizer. */
export async function makeTemplate(
  name: string,
  options: Record<string, unknown> = {},
  known: Partial<TokenizerFacts> = {},
): Promise<Template> {
  const part = templateParts.find((one) => one.name === name);
  if (part === undefined || part.kind !== "template") {
    throw new Error(`no template ${name}`);
  }
  const checked = await part.options["~standard"].validate(options);
  if (checked.issues !== undefined) throw new Error(checked.issues[0].message);
  return await part.create(
    checked.value,
    testHost({ tokenizer: tokenizerFacts(known) }),
  );
}

/** A template from a Jinja source. */
export function fromJinja(
  source: string,
  context: Pick<TokenizerFacts, "specialTokens"> = CONTEXT,
): Template {
  return jinjaTemplate({
    source,
    where: "a test",
    specialTokens: context.specialTokens,
    now: new Date(2026, 0, 5),
    variables: {},
  });
}

/** What the model writes, each span as `kind message: text`. */
export function generated({ text, spans }: Rendered): string[] {
  return spans.filter((span) => span.generated)
    .map(({ kind, message, start, end }) =>
      `${kind} ${message}: ${text.slice(start, end)}`
    );
}

/** A conversation of contents, user and assistant in turn. */
export function talk(
  ...contents: readonly string[]
): Example & { messages: readonly Message[] } {
  return {
    messages: contents.map((content, i) => ({
      role: i % 2 === 0 ? "user" : "assistant",
      content,
    })),
  };
}
