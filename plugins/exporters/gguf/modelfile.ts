/**
 * An Ollama `Modelfile` beside a GGUF file.
 * @module
 */
import type { ExportText, Template } from "@denotune/denotune/core";
import { ollamaTemplate } from "./ollama_template.ts";

/** Generation defaults that Ollama has a parameter for. */
const PARAMETERS: Readonly<Record<string, string>> = {
  temperature: "temperature",
  top_k: "top_k",
  top_p: "top_p",
  min_p: "min_p",
  repetition_penalty: "repeat_penalty",
  max_new_tokens: "num_predict",
};

/** The text of the file; `template` writes as the trained one does, or is null. */
export function modelfileOf(
  file: string,
  text: ExportText,
  template: Template | null,
): string {
  const { tokenizer, stopIds, generation } = text;
  const stops = stopIds.map((id) => tokenizer.tokenOf(id)).filter((token) =>
    token !== null
  );
  const bos = tokenizer.addsBos ? tokenizer.specialTokens.bos : null;
  const derived = template === null ? null : ollamaTemplate(template, bos);
  return [
    `FROM ./${file}`,
    ...(text.template === null ? [] : derived === null
      ? [
        "# The chat template says more than Ollama's syntax: Ollama takes its own where it knows the model, else write TEMPLATE",
      ]
      : [`TEMPLATE """${derived}"""`]),
    ...Object.entries(PARAMETERS).flatMap(([name, parameter]) => {
      const value = generation[name];
      return typeof value === "number"
        ? [`PARAMETER ${parameter} ${value}`]
        : [];
    }),
    ...(generation.do_sample === false ? ["PARAMETER temperature 0"] : []),
    ...stops.map((stop) => `PARAMETER stop ${quoted(stop)}`),
    "",
  ].join("\n");
}

/** Ollama takes what is between quotes as it is. */
function quoted(text: string): string {
  return text.includes('"') ? `"""${text}"""` : `"${text}"`;
}
