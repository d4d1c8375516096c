/**
 * Templates for tests.
 * @module
 */
import type {
  Example,
  Host,
  Message,
  Rendered,
  Template,
  TemplateContext,
} from "@denotune/denotune/core";
import { jinjaTemplate } from "../../../plugins/templates/_jinja_template.ts";
import { templateParts } from "../../../plugins/templates/mod.ts";

/** What tests bind templates to. */
export const CONTEXT: TemplateContext = {
  specialTokens: { bos: "<s>", eos: "</s>", pad: null, unk: null },
  chatTemplate: null,
};

const HOST: Host = {
  resolvePath: (path) => path,
  modelDir: null,
  create: () => Promise.reject(new Error("not in this test")),
  notice: () => {},
  seed: 0,
};

/** Makes a part by name, with its options as users write them. */
export async function makeTemplate(
  name: string,
  options: Record<string, unknown> = {},
): Promise<(context: TemplateContext) => Template> {
  const part = templateParts.find((one) => one.name === name);
  if (part === undefined || part.kind !== "template") {
    throw new Error(`no template ${name}`);
  }
  const checked = await part.options["~standard"].validate(options);
  if (checked.issues !== undefined) throw new Error(checked.issues[0].message);
  return await part.create(checked.value, HOST);
}

/** A template from a Jinja source. */
export function fromJinja(
  source: string,
  context: TemplateContext = CONTEXT,
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
