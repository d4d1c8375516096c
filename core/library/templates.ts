/**
 * How prompts of a saved model are written.
 * @module
 */
import {
  beside,
  createPart,
  type Creating,
} from "../config/parts/create_part.ts";
import type { Template } from "../contracts/template.ts";
import type { Tokenizer } from "../contracts/tokenizer.ts";
import { DataError } from "../contracts/errors.ts";
import { isObject } from "../io/json_file.ts";
import type { OpenedModel } from "../run/open/opened_model.ts";

/** The chat template that came with the tokenizer, and the prompt as it is. Both end at the model's saved stops. */
export async function templatesOf(
  tokenizer: Tokenizer,
  model: OpenedModel,
  creating: Creating,
): Promise<{ chat: Template | null; raw: Template }> {
  const stops = savedStops(model, tokenizer);
  const raw: Template = {
    render: () => {
      throw new RangeError("A raw prompt has no turns to write");
    },
    prompt: (request) => {
      if (!("prompt" in request)) {
        throw new DataError(
          "The model came without a chat template: give the prompt as one text",
        );
      }
      return { text: request.prompt, spans: [], addBos: true };
    },
    stops,
    jinja: null,
  };
  if (tokenizer.chatTemplate === null) return { chat: null, raw };
  const chat = await createPart(
    "template",
    "tokenizer",
    beside(creating, { tokenizer }),
  );
  return {
    chat: {
      render: (example) => chat.render(example),
      prompt: (request) => chat.prompt(request),
      stops: [...new Set([...chat.stops, ...stops])],
      jinja: chat.jinja,
    },
    raw,
  };
}

/** Tokens at which an answer ends, as `generation_config.json` or `config.json` lists them. */
function savedStops(model: OpenedModel, tokenizer: Tokenizer): string[] {
  const configs = [model.folder?.generationConfig, model.folder?.config];
  const ids = configs.filter(isObject).map((config) => config.eos_token_id)
    .find((id) => id !== undefined && id !== null);
  return [ids].flat().flatMap((id) => {
    const token = typeof id === "number" ? tokenizer.tokenOf(id) : null;
    return token === null ? [] : [token];
  });
}
