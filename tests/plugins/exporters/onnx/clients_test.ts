/**
 * Exported models in transformers.js, in Node, in Deno and in Chromium: our text and our log-probabilities, and two
 * adapters of different ranks that are swapped on one loaded base.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { exportModel, loadModel, train } from "@denotune/denotune";
import { Chromium, chromiumPath } from "../../../backends/webgpu/_chromium.ts";
import { testData } from "../../../test_data.ts";
import { transformersFolder } from "./_transformers_js.ts";

const HERE = new URL(".", import.meta.url).pathname;
const stories = testData("models/stories260k");
// training, ten exports and three runtimes take a minute
const everything = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const clients = everything ? await transformersFolder() : null;
if (everything && clients === null) {
  console.log("skipped: transformers.js could not be installed");
}
const ignore = stories === null || clients === null;

const PROMPT = "Once upon a time";

interface Job {
  readonly folder: string;
  readonly dtype?: string;
  readonly prompt: string;
  readonly adapters: readonly (string | null)[];
}

interface Answered {
  readonly read: readonly number[];
  readonly ids: readonly number[];
  readonly text: string;
  readonly logProbabilities: readonly number[];
}

/** Two adapters on stories260k, the base, and what we answer with each. */
async function prepare(folder: string) {
  const base = stories ?? "";
  const runs = [
    { name: "frogs", r: 4, alpha: 16, text: "A green frog sat on a red rock." },
    { name: "cars", r: 8, alpha: 8, text: "The fast car drove to the city." },
  ];
  for (const { name, r, alpha, text } of runs) {
    await train({
      output_dir: join(folder, "runs", name),
      backend: "cpu",
      model: { path: base },
      adapter: { use: "lora", r, lora_alpha: alpha },
      data: {
        train: [{
          rows: Array.from(
            { length: 4 },
            () => ({ text: `${PROMPT}. ${text}` }),
          ),
          format: "text",
        }],
        max_length: 64,
      },
      optimizer: { use: "adamw", learning_rate: 0.01 },
      training: { max_steps: 20, batch_size: 4 },
      trackers: [],
    });
    const run = join(folder, "runs", name);
    const write = (to: string, quantization: string, output: string) =>
      exportModel(run, {
        to: { use: to, quantization },
        output: join(folder, "models", output),
        backend: "cpu",
      });
    await write("onnx-lora", "f32", `lora-${name}`);
    if (name !== "frogs") continue;
    await write("onnx", "f32", "merged");
    await write("onnx", "q8", "merged-q8");
    await write("onnx", "q4f16", "merged-q4f16");
  }
  const ours: Record<string, Answered> = {};
  for (const name of ["frogs", "cars"]) {
    await using model = await loadModel(join(folder, "runs", name), {
      backend: "cpu",
    });
    const answer = await model.generate(PROMPT, {
      raw: true,
      maxNewTokens: 24,
    });
    const { ids } = model.writePrompt(PROMPT, { raw: true });
    const [score] = await model.score([{ text: PROMPT }], { raw: true });
    ours[name] = {
      read: [...ids],
      ids: answer.ids,
      text: answer.text,
      logProbabilities: [...score.logProbabilities],
    };
  }
  return ours;
}

const JOBS: readonly Job[] = [
  { folder: "merged", prompt: PROMPT, adapters: [null] },
  { folder: "merged-q8", prompt: PROMPT, adapters: [null] },
  { folder: "merged-q4f16", prompt: PROMPT, adapters: [null] },
  {
    folder: "lora-frogs",
    prompt: PROMPT,
    adapters: [
      "lora-frogs/adapters/frogs.safetensors",
      "lora-cars/adapters/cars.safetensors",
      "lora-frogs/adapters/frogs.safetensors",
    ],
  },
];

/** Runs the jobs in a program of another runtime. */
async function inProgram(
  command: string,
  args: readonly string[],
  folder: string,
): Promise<Answered[]> {
  const program = join(clients ?? "", `run_${crypto.randomUUID()}.mjs`);
  await Deno.writeTextFile(
    program,
    `import * as transformers from "@huggingface/transformers";
import { readFile } from "node:fs/promises";
import { answer } from ${JSON.stringify(`file://${HERE}transformers_js.mjs`)};
const models = ${JSON.stringify(join(folder, "models/"))};
transformers.env.allowRemoteModels = false;
transformers.env.localModelPath = models;
const readBytes = async (path) => {
  const { buffer, byteOffset, byteLength } = await readFile(models + path);
  return buffer.slice(byteOffset, byteOffset + byteLength);
};
const jobs = ${JSON.stringify(JOBS)};
console.log("answers:" + JSON.stringify(await answer(transformers, { jobs, readBytes })));
`,
  );
  try {
    const { stdout, stderr } = await new Deno.Command(command, {
      args: [...args, program],
      cwd: clients ?? "",
    }).output();
    const said = new TextDecoder().decode(stdout);
    const [, found] = said.split("answers:");
    assert.ok(found !== undefined, new TextDecoder().decode(stderr) + said);
    return JSON.parse(found);
  } finally {
    await Deno.remove(program);
  }
}

/** Runs the jobs in a page. */
async function inPage(folder: string): Promise<string> {
  const library = await Deno.realPath(
    join(clients ?? "", "node_modules/@huggingface/transformers"),
  );
  const places: Readonly<Record<string, string>> = {
    models: join(folder, "models"),
    library: join(library, "dist"),
    ort: join(library, "../../onnxruntime-web/dist"),
    here: HERE,
  };
  await using server = Deno.serve(
    { port: 0, hostname: "localhost", onListen: () => {} },
    async ({ url }) => {
      const [, place, ...rest] = new URL(url).pathname.split("/");
      const path = join(places[place] ?? "", ...rest);
      const headers = new Headers({ "access-control-allow-origin": "*" });
      if (/\.m?js$/.test(path)) headers.set("content-type", "text/javascript");
      if (path.endsWith(".wasm")) {
        headers.set("content-type", "application/wasm");
      }
      try {
        return new Response(await Deno.readFile(path), { headers });
      } catch {
        return new Response(null, { status: 404, headers });
      }
    },
  );
  const root = `http://localhost:${server.addr.port}`;
  await using page = await Chromium.open();
  return String(
    await page.evaluate(`(async () => {
    const transformers = await import("${root}/library/transformers.min.js");
    const { answer } = await import("${root}/here/transformers_js.mjs");
    const { env } = transformers;
    // this server in the place of the Hub: the page is of another origin
    env.allowLocalModels = false;
    env.useBrowserCache = false;
    env.remoteHost = "${root}/models/";
    env.remotePathTemplate = "{model}/";
    env.backends.onnx.wasm.wasmPaths = "${root}/ort/";
    env.backends.onnx.wasm.numThreads = 1;
    const readBytes = async (path) =>
      await (await fetch("${root}/models/" + path)).arrayBuffer();
    return JSON.stringify(await answer(transformers, {
      jobs: ${JSON.stringify(JOBS)},
      readBytes,
    }));
  })()`),
  );
}

function check(
  found: readonly Answered[],
  ours: Readonly<Record<string, Answered>>,
): void {
  const [merged, q8, q4, ...swapped] = found;
  const same = (answered: Answered, name: string) => {
    assert.deepEqual(answered.read, ours[name].read);
    assert.equal(answered.text, ours[name].text);
    // its end is not a token of the answer there
    const { ids } = ours[name];
    assert.deepEqual(answered.ids.slice(0, ids.length), ids);
    answered.logProbabilities.forEach((p, i) => {
      const off = Math.abs(p - ours[name].logProbabilities[i]);
      assert.ok(off < 1e-3, `${name}: token ${i + 1} is off by ${off}`);
    });
  };
  same(merged, "frogs");
  same(swapped[0], "frogs");
  same(swapped[1], "cars");
  same(swapped[2], "frogs");
  assert.notDeepEqual(swapped[0].ids, swapped[1].ids);
  for (const [answered, most] of [[q8, 0.05], [q4, 1.5]] as const) {
    const off = answered.logProbabilities.reduce(
      (sum, p, i) => sum + Math.abs(p - ours.frogs.logProbabilities[i]),
      0,
    ) / answered.logProbabilities.length;
    assert.ok(off < most, `off by ${off} nats on average`);
  }
}

Deno.test({
  name:
    "onnx: transformers.js in Node, in Deno and in Chromium gives our text and log-probabilities, and swaps adapters",
  ignore,
  fn: async (test) => {
    const folder = await Deno.makeTempDir();
    try {
      const ours = await prepare(folder);
      const hasNode = await new Deno.Command("node", { args: ["--version"] })
        .output().then((o) => o.success, () => false);
      await test.step({
        name: "Node",
        ignore: !hasNode,
        fn: async () => check(await inProgram("node", [], folder), ours),
      });
      await test.step("Deno", async () =>
        check(await inProgram(Deno.execPath(), ["run", "-A"], folder), ours));
      await test.step({
        name: "Chromium",
        ignore: chromiumPath === null,
        fn: async () => check(JSON.parse(await inPage(folder)), ours),
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
