/**
 * `gguf`: one file that llama.cpp, Ollama and LM Studio load, with weights, tokenizer, chat template, ends and generation
 * defaults; and an Ollama `Modelfile` beside it. What llama.cpp would compute or cut otherwise is refused before
 * anything is written.
 * @module
 */
import { fileName, findFile } from "./_files.ts";
import { join } from "node:path";
import {
  definePart,
  type Exporter,
  type ExportRequest,
  type Host,
  isPlainObject,
  type Part,
  type Template,
} from "@denotune/denotune/core";
import { z } from "zod";
import { type Quantization, QUANTIZATIONS } from "./model/choose_types.ts";

/** Options of the exporter `gguf`. */
export interface GgufOptions {
  readonly quantization: Quantization;
}

const NAMES = ["f32", "f16", "bf16", "q8_0", "q4_0", "q4_k_m", "q6_k"] as const;

/** How far the log-probabilities of tokens may move in the mean, by quantization: several times what tiny models lose. */
const DRIFT: Readonly<Record<Quantization, number>> = {
  f32: 1e-3,
  f16: 0.03,
  bf16: 0.15,
  q8_0: 0.15,
  q6_k: 0.5,
  q4_k_m: 1.5,
  q4_0: 2,
};

/** The part `gguf`. */
export const gguf: Part<"exporter", Partial<GgufOptions>, GgufOptions> =
  definePart({
    kind: "exporter",
    name: "gguf",
    description:
      "A GGUF file for llama.cpp, Ollama and LM Studio: weights in f32 to 4 bits, tokenizer, template, ends",
    options: z.strictObject({
      quantization: z.enum(NAMES).default("f16").describe(
        "How weights are stored: f32, f16, bf16, or in blocks: q8_0, q6_k, q4_k_m (a mixture), q4_0",
      ),
    }),
    create: (options, host) => exporterOf(options, host),
  });

function exporterOf({ quantization }: GgufOptions, host: Host): Exporter {
  const { type } = QUANTIZATIONS[quantization];
  /** Bounds that one block of a row does not give: of weights that are turned on their way. */
  const bounds = new Map<string, number>();
  const heavy = () => import("./write_model.ts");
  return {
    writes: "model",
    drift: DRIFT[quantization],
    storageError({ name, shape }) {
      const bound = bounds.get(name);
      if (bound !== undefined) {
        return { block: 1, relative: 2 ** -22, absolute: bound };
      }
      // offsets and factors are rounded once there and once back
      const rounding = { relative: 2 ** -22, absolute: 2 ** -23 };
      return shape.length < 2 ? { block: 1, ...rounding } : {
        block: type.size,
        relative: type.relative + rounding.relative,
        absolute: type.absolute + rounding.absolute,
      };
    },
    async check(request) {
      const { kind } = (await heavy()).planOf(request, quantization).vocabulary;
      const { PRE_TOKENIZERS } = await import("./text/pre_tokenizers.ts");
      const pre = PRE_TOKENIZERS.find((one) =>
        kind.model === "gpt2" && one.name === kind.pre
      );
      if (pre?.otherwise === undefined) return;
      host.notice(
        `llama.cpp's own way to cut text as ${pre.name} differs ${pre.otherwise}: there it has other tokens than were trained`,
      );
    },
    async write(request) {
      const { writeModel } = await heavy();
      const { modelfileOf } = await import("./modelfile.ts");
      const name = fileName(request, quantization);
      await writeModel(join(request.folder, name), { request, quantization });
      Deno.writeTextFileSync(
        join(request.folder, "Modelfile"),
        modelfileOf(name, request.text, await templateOf(request, host)),
      );
      return [name, "Modelfile"];
    },
    async read(request) {
      const { readModel } = await import("./read_model.ts");
      return await readModel(findFile(request.folder), {
        request,
        quantization,
        bounds,
      });
    },
    async annotate(request, figures) {
      const { annotate } = await import("./file/annotate.ts");
      await annotate(findFile(request.folder), figures);
    },
    async client({ folder, signal, model }, prompts) {
      const { askServer } = await import("./_client.ts");
      const answers = await askServer(findFile(folder), {
        prompts,
        signal,
        onNotice: (message) => host.notice(message),
      });
      return answers && { ...answers, approximate: isLookedUp(model) };
    },
  };
}

/** Whether llama.cpp looks the activation up in a table of float16, as it does for every GELU. */
function isLookedUp({ spec: { config } }: ExportRequest["model"]): boolean {
  const { text_config } = config;
  const own = isPlainObject(text_config) ? text_config : config;
  const name = own.hidden_act ?? own.hidden_activation ??
    own.activation_function;
  return name !== "silu";
}

/** What writes prompts as the trained template does; null where there is none, or it cannot be made here. */
async function templateOf(
  { text: { template } }: ExportRequest,
  host: Host,
): Promise<Template | null> {
  if (template === null) return null;
  try {
    return await host.create("template", { use: "jinja", source: template });
  } catch {
    return null;
  }
}
