/**
 * How evaluators learn the wording of prompts: from the template of the run.
 * @module
 */
import type { Wording } from "../../contracts/evaluator.ts";
import type { PromptRequest, Template } from "../../contracts/template.ts";
import { writtenPrompt } from "../../engine/generate/answer.ts";

/** The wording of a template. `request`: how a prompt given as text becomes a request. */
export function wordingOf(
  template: Template,
  request: (prompt: string) => PromptRequest,
): Wording {
  return {
    request,
    written: (prompt) => writtenPrompt(prompt, { template }).text,
    stops: template.stops,
  };
}
