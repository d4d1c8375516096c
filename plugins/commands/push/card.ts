/**
 * The model card of a run: the README.md of its repository.
 * @module
 */
import { isPlainObject, VERSION } from "@denotune/denotune/core";
import { basename } from "node:path";
import { stringify } from "yaml";
import type { PushedFolder } from "./files.ts";
import type { RunFacts } from "./run_facts.ts";

/** What the card says of who pushed it. */
export interface CardOptions {
  /** `owner/name` */
  readonly id: string;
  /** License of the model; null: not said. */
  readonly license: string | null;
  /** Name of the plot beside it; null: there is none. */
  readonly plot: string | null;
}

/** Marks a card as one of this run's, so that it may be written over. */
function markOf(pushed: PushedFolder): string {
  return `<!-- denotune: ${basename(pushed.run ?? pushed.path)} -->`;
}

/** Whether a card was made of the same run. */
export function isCardOf(card: string, pushed: PushedFolder): boolean {
  return card.includes(markOf(pushed));
}

/** Writes the card. */
export function modelCard(
  pushed: PushedFolder,
  facts: RunFacts | null,
  { id, license, plot }: CardOptions,
): string {
  const sections = [
    `# ${id.split("/")[1]}`,
    introduction(pushed, facts),
    use(pushed, id),
    ...(facts === null
      ? []
      : [data(facts), settings(facts), results(facts, plot)]),
    ...(pushed.report === null ? [] : [exported(pushed.report)]),
    markOf(pushed),
  ];
  const front = stringify(frontMatter(pushed, facts, license));
  return `---\n${front}---\n\n${
    sections.filter((s) => s !== "").join("\n\n")
  }\n`;
}

function frontMatter(
  { isAdapter, report }: PushedFolder,
  facts: RunFacts | null,
  license: string | null,
): Record<string, unknown> {
  const layout = typeof report?.exporter === "string" ? report.exporter : null;
  const isWeights = layout === null || layout === "huggingface";
  const hubData = facts?.data.filter((d) => d.isHub).map((d) => d.name) ?? [];
  return {
    ...(license === null ? {} : { license }),
    ...(facts?.base == null ? {} : {
      base_model: facts.base,
      base_model_relation: isAdapter
        ? "adapter"
        : isWeights
        ? "finetune"
        : "quantized",
    }),
    ...(hubData.length === 0 ? {} : { datasets: hubData }),
    ...(isAdapter
      ? { library_name: "peft" }
      : isWeights
      ? { library_name: "transformers" }
      : {}),
    pipeline_tag: "text-generation",
    tags: [
      "denotune",
      ...(facts === null ? [] : [facts.mode]),
      ...(facts?.adapter == null ? [] : [facts.adapter]),
      ...(isWeights || layout === null ? [] : [layout.replace(/-.*/, "")]),
    ],
  };
}

function introduction(
  { isAdapter, report }: PushedFolder,
  facts: RunFacts | null,
): string {
  const what = isAdapter
    ? "An adapter"
    : typeof report?.exporter === "string" && report.exporter !== "huggingface"
    ? `A model in the layout \`${report.exporter}\``
    : "A model";
  const on = facts?.base == null
    ? ""
    : ` of [${facts.base}](https://huggingface.co/${facts.base})`;
  return `${what}${on}, trained with denotune ${VERSION}.`;
}

function use({ isAdapter, files, report }: PushedFolder, id: string): string {
  const gguf = files.find((name) => name.endsWith(".gguf"));
  if (gguf !== undefined && !isAdapter) {
    return code("sh", `llama-cli -hf ${id} -hff ${gguf}`);
  }
  if (report !== null && report.exporter !== "huggingface") return "";
  const python = isAdapter
    ? `from peft import AutoPeftModelForCausalLM\n\nmodel = AutoPeftModelForCausalLM.from_pretrained("${id}")`
    : `from transformers import AutoModelForCausalLM, AutoTokenizer\n\nmodel = AutoModelForCausalLM.from_pretrained("${id}")\ntokenizer = AutoTokenizer.from_pretrained("${id}")`;
  return `${code("sh", `denotune generate ${id}`)}\n\n${
    code("python", python)
  }`;
}

function data({ data, start }: RunFacts): string {
  const count = (key: string, what: string) =>
    typeof start[key] === "number" ? [`${start[key]} ${what}`] : [];
  const totals = [
    ...count("rows", "rows"),
    ...count("tokens", "tokens"),
    ...count("trained_tokens", "of them trained"),
    ...count("eval_rows", "rows held out"),
  ];
  return `## Data\n\n${
    table(["source", "format"], data.map((d) => [d.name, d.format]))
  }${totals.length === 0 ? "" : `\n\n${totals.join(", ")}.`}`;
}

function settings({ settings, start }: RunFacts): string {
  const device = typeof start.device === "string"
    ? [["device", start.device]]
    : [];
  const parameters = typeof start.trained_parameters === "number"
    ? [[
      "trained parameters",
      `${start.trained_parameters} of ${String(start.parameters)}`,
    ]]
    : [];
  return `## Settings\n\n${
    table(["setting", "value"], [
      ...settings.map(([key, value]) => [`\`${key}\``, value]),
      ...parameters,
      ...device,
    ])
  }`;
}

function results(facts: RunFacts, plot: string | null): string {
  const last = facts.losses.at(-1);
  const rows = [
    ...(last === undefined
      ? []
      : [[`training loss at step ${last.step}`, figure(last.value)]]),
    ...facts.metrics.map(([name, value]) => [name, figure(value)]),
  ];
  if (rows.length === 0 && plot === null) return "";
  const picture = plot === null ? "" : `\n\n![loss by step](${plot})`;
  return `## Results\n\n${
    rows.length === 0 ? "" : table(["measure", "value"], rows)
  }${picture}`;
}

/** What the export was compared by. */
function exported(report: { readonly [key: string]: unknown }): string {
  const answers = isPlainObject(report.answers) ? report.answers : null;
  if (answers === null) return "";
  const client = isPlainObject(report.client)
    ? [[
      `equal answers of ${String(report.client.name)}`,
      String(report.client.equal_answers),
    ]]
    : [];
  return `## Compared with what was trained\n\nThe files were read back, and answered prompts from ${
    String(answers.from)
  }. Weights, tokenizer, chat template and stop tokens are as trained, within what the storage allows.\n\n${
    table(["measure", "value"], [
      ["prompts", String(answers.prompts)],
      ["equal greedy answers", String(answers.equal_answers)],
      [
        "mean error of a log-probability (nats)",
        figure(Number(answers.mean_log_probability_error)),
      ],
      ...client,
    ])
  }`;
}

function figure(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) =>
    `| ${
      cells.map((c) => c.replaceAll("|", "\\|").replace(/\s+/g, " ")).join(
        " | ",
      )
    } |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join(
    "\n",
  );
}

function code(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}
