/**
 * Prompts of the data that a saved model was trained on, as its run writes them.
 * @module
 */
import { dirname, join } from "node:path";
import { loadRun } from "../../config/load.ts";
import type { Creating } from "../../config/parts/create_part.ts";
import { isPlainObject } from "../../config/parse/tree.ts";
import { kindAt } from "../../config/paths.ts";
import { type ConfigData, readResolvedFile } from "../../config/resolved.ts";
import { messageOf } from "../../contracts/errors.ts";
import type { ParsedExample } from "../../contracts/format.ts";
import type { Template } from "../../contracts/template.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { parseRecord } from "../../data/examples/build_examples.ts";
import { firstSequence } from "../../data/examples/group_example.ts";
import { cacheFolder } from "../../io/cache_folder.ts";
import { evaluationRow } from "../../run/evaluation/rows.ts";
import { openSources } from "../../run/open/open_sources.ts";

/** A prompt, and its tokens. */
export interface TrainedPrompt {
  readonly text: string;
  readonly ids: Int32Array; // (T)
}

/** Prompts that are compared on. */
export interface TrainedPrompts {
  readonly prompts: readonly TrainedPrompt[];
  /** `the training data`, `the run's samples` or `a built-in list`. */
  readonly from: string;
}

/** Where there are no data. */
const PROMPTS: readonly string[] = [
  "The capital of France is",
  "Write a function that adds two numbers.\n\n",
  "1 2 3 4 5 6 7 8 9 10",
  "Once there was a small green frog who",
];

/** Prompts at most. */
const MOST = 8;
/** Tokens of a prompt at most; longer ones are cut. */
const LONGEST = 256;

/**
 * Prompts of the training data; where they are gone, which `notice` says, those that the run takes samples of, else
 * built-in ones.
 */
export async function trainedPrompts(
  path: string,
  { tokenizer, template, creating, most, notice, signal }: {
    readonly tokenizer: Tokenizer;
    /** Writes built-in prompts. */
    readonly template: Template;
    readonly creating: Creating;
    /** Tokens that a prompt may have. */
    readonly most: number;
    readonly notice: (message: string) => void;
    readonly signal?: AbortSignal;
  },
): Promise<TrainedPrompts> {
  const cut = (found: { text: string; ids: Int32Array }): TrainedPrompt => ({
    ...found,
    ids: found.ids.subarray(0, Math.min(LONGEST, most)),
  });
  const encoded = (text: string, addBos: boolean) =>
    cut({ text, ids: tokenizer.encode(text, { addBos }).ids });
  const written = (content: string) => {
    const { text, addBos } = template.prompt(
      template.jinja !== null
        ? { messages: [{ role: "user", content }] }
        : { prompt: content },
    );
    return encoded(text, addBos);
  };
  const file = await resolvedOf(path);
  const config = file === null ? {} : await readResolvedFile(file);
  const kept = entriesWithFiles(config);
  if (file !== null && kept.length > 0) {
    try {
      const found = await promptsOfRun(file, {
        entries: kept,
        tokenizer,
        creating,
        signal,
        encoded,
        cut,
      });
      if (found.length > 0) {
        return { prompts: found, from: "the training data" };
      }
    } catch (error) {
      signal?.throwIfAborted();
      notice(
        `The training data cannot be read, so answers to other prompts are compared: ${
          messageOf(error).split("\n")[0]
        }`,
      );
    }
  } else if (file !== null) {
    notice(
      "The rows of this run were given in code and are not in its folder, so answers to other prompts are compared",
    );
  }
  const samples = samplesOf(config);
  return {
    from: samples.length > 0 ? "the run's samples" : "a built-in list",
    prompts: (samples.length > 0 ? samples : PROMPTS).slice(0, MOST)
      .map(written).filter(({ ids }) => ids.length > 0),
  };
}

/** Entries of `data.train` whose rows are in files or on the Hub. */
function entriesWithFiles(config: ConfigData): unknown[] {
  const data = isPlainObject(config.data) ? config.data : {};
  return (Array.isArray(data.train) ? data.train : []).filter((entry) =>
    isPlainObject(entry) && typeof entry.rows !== "string"
  );
}

function samplesOf(config: ConfigData): string[] {
  const samples = isPlainObject(config.samples) ? config.samples : {};
  return (Array.isArray(samples.prompts) ? samples.prompts : [])
    .filter((prompt) => typeof prompt === "string");
}

/** The settings that a run, or a checkpoint in it, was made with. */
export async function resolvedOf(path: string): Promise<string | null> {
  for (const folder of [path, dirname(path)]) {
    const file = join(folder, "config.resolved.yaml");
    if (await kindAt(file) === "file") return file;
  }
  return null;
}

async function promptsOfRun(
  file: string,
  { entries, tokenizer, creating, signal, encoded, cut }: {
    /** Of `data.train`. */
    readonly entries: readonly unknown[];
    readonly tokenizer: Tokenizer;
    readonly creating: Creating;
    readonly signal?: AbortSignal;
    encoded(text: string, addBos: boolean): TrainedPrompt;
    cut(prompt: TrainedPrompt): TrainedPrompt;
  },
): Promise<TrainedPrompt[]> {
  const run = await loadRun({
    file,
    registry: creating.registry,
    files: "ignore",
    // what is evaluated on may be gone
    overrides: [
      `data.train=${JSON.stringify(entries)}`,
      "data.eval=[]",
      "data.eval_fraction=0",
      "data.eval_holdout=null",
    ],
    notice: () => {},
  });
  const { train, held } = await openSources(run, {
    tokenizer,
    creating,
    cacheDir: cacheFolder(),
    signal,
  }, { streaming: false });
  try {
    const prompts: TrainedPrompt[] = [];
    const share = Math.ceil(MOST / Math.max(1, train.length));
    for (const { store, format, template } of train) {
      for (let i = 0; i < Math.min(share, store.length); i++) {
        const at = Math.floor(i * store.length / Math.min(share, store.length));
        const parsed = firstSequence(parseRecord(store.at(at), format));
        const prompt = promptOf(parsed, template);
        if (prompt === null) continue;
        const found = "ids" in prompt
          ? cut({ text: "", ids: Int32Array.from(prompt.ids) })
          : encoded(prompt.text, prompt.addBos);
        if (found.ids.length > 0) prompts.push(found);
      }
    }
    return prompts.slice(0, MOST);
  } finally {
    for (const { store } of [...train, ...held]) store[Symbol.dispose]();
  }
}

/** What comes before the answer; of a text its beginning. */
function promptOf(
  example: ParsedExample,
  template: Template,
): { text: string; addBos: boolean } | { ids: readonly number[] } | null {
  if ("ids" in example) return { ids: example.ids.slice(0, 16) };
  if ("text" in example) {
    return { text: example.text.slice(0, 80), addBos: true };
  }
  const row = evaluationRow(example);
  return row === null ? null : template.prompt(row.request);
}
