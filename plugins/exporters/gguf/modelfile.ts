/**
 * An Ollama `Modelfile` beside a GGUF file.
 * @module
 */
import type { ExportText } from "@denotune/denotune/core";

/** Generation defaults that Ollama has a parameter for. */
const PARAMETERS: Readonly<Record<string, string>> = {
  temperature: "temperature",
  top_k: "top_k",
  top_p: "top_p",
  min_p: "min_p",
  repetition_penalty: "repeat_penalty",
  max_new_tokens: "num_predict",
};

/** The text of the file. */
export function modelfileOf(file: string, text: ExportText): string {
  const { tokenizer, stopIds, generation } = text;
  const stops = stopIds.map((id) => tokenizer.tokenOf(id)).filter((token) =>
    token !== null
  );
  return [
    `FROM ./${file}`,
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
