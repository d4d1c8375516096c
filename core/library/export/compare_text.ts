/**
 * What a file says of tokenizer, template, ends and settings, against what was trained.
 * @module
 */
import { join } from "node:path";
import { createPart, type Creating } from "../../config/parts/create_part.ts";
import { messageOf } from "../../contracts/errors.ts";
import type {
  ExportReadBack,
  ExportText,
  ReadBackText,
} from "../../contracts/exporter.ts";
import type { Json } from "../../contracts/json.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { asUserError } from "../../io/atomic.ts";
import { temporaryFolder } from "../../io/cache_folder.ts";
import { isPlainName } from "../../io/model_folder.ts";
import { missingPermission } from "../../permissions.ts";
import { compareTokenizerJson } from "./compare_tokenizer_json.ts";
import { canonical, show } from "./show_values.ts";

/** Texts whose tokens are compared, beside those of the training data. */
const TEXTS: readonly string[] = [
  "The quick brown fox jumps over the lazy dog.",
  "  two  spaces,\ttabs\tand\n\nnew lines \r\n at the end  ",
  'def f(x: int) -> str:\n    return f"{x!r:>10}"  # 1_000_000 != 3.14e-10\n',
  "It's 2024-12-31, 12:59:59 — that'll be $1,234.56, they've said.",
  "Grüße, naïve café, İstanbul, ﬁ, ½, Å and A\u030a, ſ",
  "日本語の文章、한국어 문장, 中文字符。ไทย हिन्दी العربية עברית",
  "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 1️⃣ \u{1f44d}\u{1f3fd} \u200b\u00a0\u2003\ufeff",
  "<|endoftext|><s></s> [INST] <|im_start|>user\n<unk> <0x0A> ▁ ġ Ġ",
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1234567890123456789 ''\"\"``",
];

/** Keys of `config.json` that say nothing of what the model computes. */
const BESIDE: readonly string[] = [
  "dtype",
  "torch_dtype",
  "transformers_version",
  "_name_or_path",
  "architectures",
];

/** What was compared. */
export interface TextFigures {
  /** Texts whose tokens were compared; 0: the layout holds no tokenizer. */
  readonly texts: number;
  /** What the layout holds: `tokenizer`, `template`, `stop ids`, `generation defaults`, `config`. */
  readonly held: readonly string[];
}

/** Compares; `faults` gets a sentence for everything that differs. */
export async function compareText(
  back: Pick<ExportReadBack, "config" | "text">,
  { text: wanted, config, texts, creating, faults }: {
    readonly text: ExportText;
    /** `ModelSpec.config`. */
    readonly config: { readonly [key: string]: Json };
    /** Texts of the training data. */
    readonly texts: readonly string[];
    readonly creating: Creating;
    readonly faults: string[];
  },
): Promise<TextFigures> {
  const held: string[] = [];
  if (back.config !== null) {
    held.push("config");
    compareConfig(back.config, config, faults);
  }
  const { files, template, stopIds, generation } = back.text ?? {};
  if (template !== undefined) {
    held.push("template");
    compareTemplate(template, wanted.template, faults);
  }
  if (stopIds !== undefined) {
    held.push("stop ids");
    compareStops(stopIds, wanted, faults);
  }
  if (generation !== undefined) {
    held.push("generation defaults");
    for (const [key, value] of Object.entries(generation)) {
      // the ends are compared already
      if (key === "eos_token_id" && stopIds !== undefined) continue;
      if (same(value, wanted.generation[key])) continue;
      faults.push(
        `generation default ${key} is ${show(value)} in the file, ${
          show(wanted.generation[key])
        } as trained`,
      );
    }
  }
  if (files === undefined) return { texts: 0, held };
  held.push("tokenizer");
  const all = [...TEXTS, ...texts];
  const before = faults.length;
  compareTokenizerJson(
    files["tokenizer.json"],
    wanted.files["tokenizer.json"],
    faults,
  );
  try {
    const tokenizer = await tokenizerOfFiles(files, template, creating);
    compareTokens(tokenizer, wanted.tokenizer, { texts: all, faults });
  } catch (error) {
    if (missingPermission(error) !== null) throw error; // no fault of the file
    // the first fault says more than what follows from it
    if (faults.length === before) {
      faults.push(
        `the tokenizer of the file cannot be used: ${messageOf(error)}`,
      );
    }
  }
  return { texts: all.length, held };
}

function compareConfig(
  found: { readonly [key: string]: Json },
  wanted: { readonly [key: string]: Json },
  faults: string[],
): void {
  for (const key of new Set([...Object.keys(found), ...Object.keys(wanted)])) {
    if (BESIDE.includes(key) || same(found[key], wanted[key])) continue;
    faults.push(
      `setting ${key} of the model is ${show(found[key])} in the file, ${
        show(wanted[key])
      } as trained`,
    );
  }
}

function compareTemplate(
  found: string | null,
  wanted: string | null,
  faults: string[],
): void {
  if (found === wanted) return;
  if (found === null || wanted === null) {
    faults.push(
      found === null
        ? "the file has no chat template, but one was trained with"
        : "the file has a chat template, but none was trained with",
    );
    return;
  }
  const [a, b] = [found.split("\n"), wanted.split("\n")];
  const line = b.findIndex((text, i) => text !== a[i]);
  const at = line < 0 ? b.length : line;
  faults.push(
    `line ${at + 1} of the chat template is ${show(a[at])} in the file, ${
      show(b[at])
    } as trained`,
  );
}

function compareStops(
  found: readonly number[],
  { stopIds, tokenizer }: ExportText,
  faults: string[],
): void {
  const name = (id: number) => `${id} (${show(tokenizer.tokenOf(id))})`;
  const missing = stopIds.filter((id) => !found.includes(id));
  const surplus = found.filter((id) => !stopIds.includes(id));
  if (missing.length > 0) {
    faults.push(
      `stop token ${missing.map(name).join(", ")} is missing in the file${
        surplus.length > 0 ? `, which has ${surplus.map(name).join(", ")}` : ""
      }: answers would not end`,
    );
  } else if (surplus.length > 0) {
    faults.push(
      `stop token ${
        surplus.map(name).join(", ")
      } of the file was not trained: answers would end too early`,
    );
  }
}

/** The tokenizer that files make, with the template that the layout holds. */
async function tokenizerOfFiles(
  files: NonNullable<ReadBackText["files"]>,
  template: string | null | undefined,
  creating: Creating,
): Promise<Tokenizer> {
  using folder = temporaryFolder();
  const all = {
    ...files,
    ...(template == null ? {} : { "chat_template.jinja": template }),
  };
  for (const [name, content] of Object.entries(all)) {
    if (!isPlainName(name)) throw new RangeError(`No file name: ${name}`);
    asUserError(
      `write ${name}`,
      () => Deno.writeTextFileSync(join(folder.path, name), content),
    );
  }
  return await createPart(
    "tokenizer",
    { use: "huggingface", path: folder.path },
    creating,
  );
}

function compareTokens(
  found: Tokenizer,
  wanted: Tokenizer,
  { texts, faults }: {
    readonly texts: readonly string[];
    readonly faults: string[];
  },
): void {
  for (const key of ["bos", "eos", "pad", "unk"] as const) {
    const [a, b] = [found.specialIds[key], wanted.specialIds[key]];
    if (a === b) continue;
    faults.push(
      `special token ${key} is ${
        show(found.specialTokens[key])
      } (${a}) in the file, ${
        show(wanted.specialTokens[key])
      } (${b}) as trained`,
    );
  }
  if (found.addsBos !== wanted.addsBos) {
    faults.push(
      `the tokenizer of the file ${
        found.addsBos ? "puts" : "does not put"
      } BOS in front of a text; in training it ${
        wanted.addsBos ? "did" : "did not"
      }`,
    );
  }
  for (const text of texts) {
    const options = { addBos: true };
    const [a, b] = [found, wanted].map((t) => [...t.encode(text, options).ids]);
    const at = Math.max(a.length, b.length) === 0
      ? -1
      : Array.from({ length: Math.max(a.length, b.length) })
        .findIndex((_, i) => a[i] !== b[i]);
    if (at < 0) continue;
    const named = (ids: number[]) =>
      ids.slice(at, at + 4).map((id) => `${id} ${show(wanted.tokenOf(id))}`)
        .join(", ");
    faults.push(
      `${show(text.slice(0, 60))} has other tokens in the file from token ${
        at + 1
      } on: ${named(a) || "none"}; as trained ${named(b) || "none"}`,
    );
    return; // one text shows it
  }
}

function same(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}
