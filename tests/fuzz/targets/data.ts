/**
 * Mutated files of rows, of every kind that sources read, and the formats that read their rows.
 * @module
 */
import { jsonText, mutateBytes, mutateJson, type Random } from "../_mutate.ts";
import { command, type FuzzTarget } from "../_target.ts";

const encoder = new TextEncoder();
const CASES: readonly { readonly file: string }[] = JSON.parse(
  await Deno.readTextFile(
    new URL("../../golden/parquet.json", import.meta.url),
  ),
);
const PARQUET = CASES.map(({ file }) => Uint8Array.fromBase64(file));
const ROWS: readonly unknown[] = [
  { instruction: "Count to 3.", input: "", output: "1 2 3" },
  {
    messages: [
      { role: "user", content: "hi" },
      {
        role: "assistant",
        content: null,
        tool_calls: [{
          id: "1",
          type: "function",
          function: { name: "f", arguments: { a: 1.5 } },
        }],
      },
      { role: "tool", content: "2" },
      { role: "assistant", content: "2" },
    ],
    tools: [{ type: "function", function: { name: "f", parameters: {} } }],
  },
  { prompt: "a\nb", completion: " c", id: 7 },
  { question: "q", answer: "a" },
  { text: "a document\u2028 of lines" },
  {
    conversations: [{ from: "human", value: "q" }, { from: "gpt", value: "a" }],
  },
  {
    input_ids: [1, 2, 3, 4],
    completion_mask: [0, 0, 1, 1],
    seq_lengths: [2, 2],
  },
];
const CSV = 'question,answer\n"a ""b""\nc",d\ne,"f, g"\n\n';
const TEXT = "one paragraph\nof lines\n\nanother é 🙂\n\n\nthird\n";

/** A file's name and content. */
async function fileOf(random: Random): Promise<[string, Uint8Array]> {
  const kind = random.pick(ROWS);
  const rows = Array.from(
    { length: 3 },
    () => random.once(8) ? random.pick(ROWS) : kind,
  );
  const changed = random.once(3)
    ? rows
    : rows.map((row) => random.once(2) ? mutateJson(row, random) : row);
  const lines = encoder.encode(changed.map(jsonText).join("\n") + "\n");
  const [name, bytes] = random.pick<() => [string, Uint8Array]>([
    () => ["rows.jsonl", lines],
    () => ["rows.json", encoder.encode(jsonText(changed))],
    () => ["rows.json", encoder.encode(jsonText({ data: changed, n: 3 }))],
    () => ["rows.csv", encoder.encode(CSV)],
    () => ["rows.tsv", encoder.encode(CSV.replaceAll(",", "\t"))],
    () => ["rows.txt", encoder.encode(TEXT)],
    () => ["rows.parquet", random.pick(PARQUET)],
    () => ["rows.parquet", random.pick(PARQUET)],
  ])();
  if (name === "rows.parquet" && random.once(2)) {
    // a bit alone often leaves a file that can be opened
    const flipped = bytes.slice();
    flipped[random.below(flipped.length)] ^= 1 << random.below(8);
    return [name, flipped];
  }
  if (name === "rows.parquet" || random.once(4)) {
    return [name, mutateBytes(bytes, random)];
  }
  if (!random.once(3)) return [name, bytes];
  // packed, and damaged before or after
  const packed = new Response(
    new Blob([mutateBytes(bytes, random).slice()]).stream().pipeThrough(
      new CompressionStream("gzip"),
    ),
  );
  const gzip = new Uint8Array(await packed.arrayBuffer());
  return [`${name}.gz`, random.once(2) ? mutateBytes(gzip, random) : gzip];
}

const RUN = `
model:
  from_config:
    model_type: llama
    vocab_size: 300
    hidden_size: 8
    intermediate_size: 8
    num_hidden_layers: 1
    num_attention_heads: 1
    num_key_value_heads: 1
    max_position_embeddings: 256
    rms_norm_eps: 1.0e-5
tokenizer: byte
adapter: null
backend: reference
data:
  max_length: 128
  max_untrained_share: 1
  allow_unlearned_end: true
`;

/** Checks a run on the mutant, whose rows are indexed or streamed. */
export const target: FuzzTarget = {
  async attempt(random, folder) {
    const [name, bytes] = await fileOf(random);
    await Deno.writeFile(`${folder}/${name}`, bytes);
    const streaming = random.once(3);
    await Deno.writeTextFile(
      `${folder}/run.yaml`,
      `${RUN}  streaming: ${streaming}\n  train: [{ path: ${name} }]\ntraining: { max_steps: 2 }\n`,
    );
    return await command("check", `${folder}/run.yaml`);
  },
};
