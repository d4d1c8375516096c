/**
 * Every file that a run reads, as something else: a pipe without a writer, an endless device, a folder, a link in a
 * circle, a file that nobody may read, an empty one. The seed counts them.
 * @module
 */
import type { Random } from "../_mutate.ts";
import { command, type Ended, type FuzzTarget } from "../_target.ts";

const GOLDEN = new URL("../../golden/", import.meta.url);
const read = (path: string) => Deno.readFileSync(new URL(path, GOLDEN));
const TOKENIZER = {
  version: "1.0",
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: "Whitespace" },
  post_processor: null,
  decoder: null,
  model: {
    type: "WordLevel",
    vocab: { "<unk>": 0, user: 1, assistant: 2, Say: 3, a: 4 },
    unk_token: "<unk>",
  },
};

const ROWS = Array.from(
  { length: 8 },
  (_, i) => JSON.stringify({ instruction: `Say ${i}`, output: `${i}.` }) + "\n",
).join("");

/** A run that reads a file of every kind: by path within the folder. */
const FILES: Readonly<Record<string, string | Uint8Array>> = {
  "run.yaml": `extends: base.yaml
plugins: [./plugin.ts]
model: { path: model }
adapter: null
data:
  train:
    - { path: rows.jsonl, format: alpaca }
    - { path: rows.csv, format: { use: alpaca } }
    - { path: folder }
  eval: [{ path: rows.json, format: alpaca }]
  template: { use: jinja, path: template.jinja }
  max_length: 64
  max_untrained_share: 1
  allow_unlearned_end: true
`,
  "base.yaml": "seed: 3\nbackend: reference\n",
  "plugin.ts": "export default { name: 'p', api: 1, parts: [] };\n",
  "rows.jsonl": ROWS,
  "rows.json": `[${ROWS.trim().replaceAll("\n", ",")}]`,
  "rows.csv": "instruction,output\nSay,it\n",
  "folder/README.md":
    "---\nconfigs:\n- config_name: a\n  data_files: train.jsonl\n---\n",
  "folder/train.jsonl": ROWS,
  "template.jinja":
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}",
  "model/config.json": read("models/llama/config.json"),
  "model/model.safetensors": read("models/llama/model.safetensors"),
  "model/generation_config.json": "{}",
  "model/tokenizer.json": JSON.stringify(TOKENIZER),
  "model/tokenizer_config.json": "{}",
  "model/special_tokens_map.json": "{}",
  "model/added_tokens.json": "{}",
  "model/chat_template.jinja": "{{ messages }}",
  "model/chat_template.json": JSON.stringify({ chat_template: "{{ x }}" }),
  "model/model.safetensors.index.json": JSON.stringify({ weight_map: {} }),
  "model/config.resolved.yaml": "model: { dtype: float32 }\n",
};

/** What each becomes. */
const KINDS: Readonly<Record<string, (path: string) => Promise<void>>> = {
  pipe: async (path) => {
    await new Deno.Command("mkfifo", { args: [path] }).output();
  },
  zeros: (path) => Deno.symlink("/dev/zero", path),
  random: (path) => Deno.symlink("/dev/urandom", path),
  folder: (path) => Deno.mkdir(path),
  circle: (path) => Deno.symlink(path.replace(/^.*\//, ""), path),
  nowhere: (path) => Deno.symlink("/nowhere/at/all", path),
  unreadable: async (path) => {
    await Deno.writeTextFile(path, "0");
    await Deno.chmod(path, 0);
  },
  empty: (path) => Deno.writeTextFile(path, ""),
  "proc mem": (path) => Deno.symlink("/proc/self/mem", path),
};

const NAMES = Object.keys(FILES);

/** How many there are. */
export const COUNT = NAMES.length * Object.keys(KINDS).length;

async function attempt(random: Random, folder: string): Promise<Ended> {
  const seed = Number(folder.slice(folder.lastIndexOf("/") + 1));
  const chosen = NAMES[seed % NAMES.length];
  const kinds = Object.values(KINDS);
  const become = kinds[Math.floor(seed / NAMES.length) % kinds.length];
  Deno.env.set("HF_HUB_OFFLINE", "1");
  await Deno.mkdir(`${folder}/model`);
  await Deno.mkdir(`${folder}/folder`);
  for (const [name, content] of Object.entries(FILES)) {
    if (name === chosen) await become(`${folder}/${name}`);
    else if (typeof content === "string") {
      await Deno.writeTextFile(`${folder}/${name}`, content);
    } else await Deno.writeFile(`${folder}/${name}`, content);
  }
  if (random.once(4)) {
    return await command(
      "generate",
      `${folder}/model`,
      "--prompt=a",
      "--max-new-tokens=1",
      "--backend=reference",
    );
  }
  return await command("check", `${folder}/run.yaml`);
}

/** Checks the run, or asks its model. */
export const target: FuzzTarget = { attempt };
