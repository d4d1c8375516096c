/**
 * Going on from an adapter that is there: its settings come from its `adapter_config.json`, its start values
 * from its tensors.
 * @module
 */
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import {
  type Adapter,
  ADAPTER_CONFIG,
  ConfigError,
  DataError,
  findAdapterTensors,
  type Host,
  openAdapterFile,
  readJsonObject,
  type SavedAdapter,
} from "@denotune/denotune/core";
import { loraAdapter } from "./_attach.ts";
import { optionsOf } from "./_config.ts";
import { type LoraOptions, loraOptions } from "./_options.ts";

/** Settings of training, which may change from one run to the next. */
const FREE = ["lora_dropout", "loraplus_lr_ratio", "from"] as const;

/** The adapter of these options: a fresh one, or the one that `from` holds. */
export function startingFrom(
  options: LoraOptions,
  host: Pick<Host, "resolvePath" | "notice">,
): Adapter {
  if (options.from === null) return loraAdapter(options);
  const folder = host.resolvePath(options.from);
  const merged = settingsOf(folder, options);
  host.notice(
    `The adapter continues from ${folder}: r ${merged.r}, lora_alpha ${merged.lora_alpha}${
      merged.use_dora ? ", DoRA" : ""
    }`,
  );
  const adapter = loraAdapter(merged, tensorsIn(folder));
  return {
    untiesHead: adapter.untiesHead,
    attach(model) {
      const attached = adapter.attach(model);
      const read = () => {
        using file = openAdapterFile(folder);
        const tensors = findAdapterTensors(file, attached, model.weights);
        return new Map([...tensors].map(([name, t]) => [name, t.read()]));
      };
      {
        // what does not fit is found before anything is allocated
        using file = openAdapterFile(folder);
        findAdapterTensors(file, attached, model.weights);
      }
      return {
        ...attached,
        initialise: (base) =>
          new Map([...attached.initialise?.(base) ?? [], ...read()]),
      };
    },
    configured: adapter.configured,
  };
}

function tensorsIn(folder: string): SavedAdapter {
  using file = openAdapterFile(folder);
  return { tensors: new Set(file.tensors.keys()) };
}

/** The folder's settings with the free ones of `options`. Throws `ConfigError` that lists what disagrees. */
function settingsOf(folder: string, options: LoraOptions): LoraOptions {
  const path = join(folder, ADAPTER_CONFIG);
  const config = readJsonObject(path);
  if (config === null) {
    throw new DataError(
      `adapter.from: ${folder} holds no adapter: it has no ${ADAPTER_CONFIG}`,
    );
  }
  const found = optionsOf(config);
  if (found === null) {
    throw new ConfigError(
      `adapter.from: ${path} describes an adapter of kind ${
        JSON.stringify(config.peft_type) ?? "(none)"
      }, not LORA`,
    );
  }
  const defaults = loraOptions.parse({});
  const different: string[] = [];
  for (const key of Object.keys(defaults) as (keyof LoraOptions)[]) {
    if ((FREE as readonly string[]).includes(key)) continue;
    // an option that has its default was not written, as far as can be known
    if (same(options[key], defaults[key]) || same(options[key], found[key])) {
      continue;
    }
    different.push(
      `${key} is ${JSON.stringify(options[key])}, there ${
        JSON.stringify(found[key])
      }`,
    );
  }
  if (different.length > 0) {
    throw new ConfigError(
      `The adapter cannot continue from ${folder} with other settings: ${
        different.join("; ")
      }. Leave them out, or start a new adapter without \`from\``,
    );
  }
  return {
    ...found,
    lora_dropout: same(options.lora_dropout, defaults.lora_dropout)
      ? found.lora_dropout
      : options.lora_dropout,
    loraplus_lr_ratio: options.loraplus_lr_ratio,
    from: null,
  };
}

/** Equal; lists are sets of names or numbers here. */
function same(a: unknown, b: unknown): boolean {
  const sorted = (v: unknown) => Array.isArray(v) ? [...v].sort() : v;
  return isDeepStrictEqual(sorted(a), sorted(b));
}
