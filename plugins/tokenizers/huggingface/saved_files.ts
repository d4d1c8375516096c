/**
 * The files to save beside a model: what was read, with another chat template.
 * @module
 */
import type { JsonObject, TokenizerFolder } from "./files.ts";

const TEMPLATE_FILES: readonly string[] = [
  "chat_template.jinja",
  "chat_template.json",
];

/** What `tokenizer_config.json` says where the folder had none. */
export interface FallbackConfig {
  readonly bos_token: string | null;
  readonly eos_token: string | null;
  readonly pad_token: string | null;
  readonly unk_token: string | null;
}

/**
 * File name -> content. With `chatTemplate` null the files are as they were read; else the template
 * is stored in tokenizer_config.json alone, since transformers would prefer the other files.
 */
export function savedFiles(
  folder: TokenizerFolder,
  fallback: FallbackConfig,
  chatTemplate: string | null,
): Record<string, string> {
  const decoder = new TextDecoder();
  const files: Record<string, string> = {};
  for (const [name, bytes] of folder.originals) {
    if (chatTemplate === null || !TEMPLATE_FILES.includes(name)) {
      files[name] = decoder.decode(bytes);
    }
  }
  const original = files["tokenizer_config.json"];
  if (chatTemplate === null && original !== undefined) return files;
  const config: JsonObject = original === undefined
    ? { tokenizer_class: "PreTrainedTokenizerFast", ...withoutNulls(fallback) }
    : JSON.parse(original);
  if (chatTemplate !== null) config.chat_template = chatTemplate;
  files["tokenizer_config.json"] = configText(config, original ?? "");
  return files;
}

/** A changed tokenizer_config.json. `original`: the text that it was read from. */
export function configText(config: JsonObject, original: string): string {
  const text = JSON.stringify(config, null, 2);
  // an integer beyond 2^53 (transformers' "no limit") would come back as a float
  const limit = /"model_max_length"\s*:\s*(\d{16,})/.exec(original);
  const exact = limit === null
    ? text
    : text.replace(/("model_max_length": )[^,\n}]+/, `$1${limit[1]}`);
  return exact + "\n";
}

function withoutNulls(values: FallbackConfig): JsonObject {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== null),
  );
}
