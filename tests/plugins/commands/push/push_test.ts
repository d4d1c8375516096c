/** `push`: what is sent, what is not, what a model card says, and what goes wrong. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "yaml";
import type { HubOptions } from "../../../../core/io/hub/access.ts";
import { uploadFiles } from "../../../../core/io/hub/upload.ts";
import { isCardOf, modelCard } from "../../../../plugins/commands/push/card.ts";
import { filesToPush } from "../../../../plugins/commands/push/files.ts";
import { lossPlot } from "../../../../plugins/commands/push/loss_plot.ts";
import { readRunFacts } from "../../../../plugins/commands/push/run_facts.ts";
import { run } from "../../../core/cli/_run.ts";
import { exportableRun } from "../../../exported_run.ts";
import { type FakeHub, startHub, TOKEN } from "../../../hub_server.ts";
import { type TestFolder, testFolder } from "../../../run_harness.ts";

/** A run's folder as far as `push` looks at it. */
function runFolder(folder: TestFolder): string {
  const path = folder.at("capitals");
  Deno.mkdirSync(join(path, "checkpoint-2"), { recursive: true });
  const files: Record<string, string> = {
    "config.json": `{"model_type": "llama"}`,
    "model.safetensors": "w".repeat(5000),
    "tokenizer.json": `{"version": "1.0"}`,
    "checksums.json": "{}",
    "checkpoint-2/model.safetensors": "old",
    "config.resolved.yaml": `training_mode: sft
model: { path: HuggingFaceTB/SmolLM2-135M }
adapter: { use: lora, r: 16, lora_alpha: 32 }
data:
  train:
    - { path: /home/somebody/secret/rows.jsonl, format: { use: alpaca } }
    - { path: tatsu-lab/alpaca, format: alpaca }
optimizer: { use: adamw, learning_rate: 5.0e-5 }
training: { epochs: 3 }
`,
    "metrics.jsonl": [
      { event: "start", step: 0, rows: 20, tokens: 900, trained_tokens: 300 },
      { event: "step", step: 1, loss: 3.5 },
      { event: "step", step: 2, loss: 2.25 },
      {
        event: "eval",
        step: 2,
        eval_loss: 2.4,
        eval_exact_match: 0.5,
        eval_seconds: 3,
      },
    ].map((event) => `${JSON.stringify(event)}\n`).join(""),
  };
  for (const [name, content] of Object.entries(files)) {
    Deno.writeTextFileSync(join(path, name), content);
  }
  return path;
}

/** Settings of a user of this Hub; waits are short. */
function hubOptions(hub: FakeHub, token: string | null = TOKEN): HubOptions {
  const env: Record<string, string> = {
    HF_ENDPOINT: hub.endpoint,
    HOME: "/no",
  };
  if (token !== null) env.HF_TOKEN = token;
  return { env: (name) => env[name], attempts: 3, backoffMs: 1 };
}

async function pushTo(
  hub: FakeHub,
  folder: string,
  { id = "me/capitals", isPrivate = false, force = false, token = TOKEN }: {
    id?: string;
    isPrivate?: boolean;
    force?: boolean;
    token?: string | null;
  } = {},
) {
  const pushed = await filesToPush(folder);
  const card = modelCard(pushed, null, { id, license: null, plot: null });
  return await uploadFiles({
    id,
    isPrivate,
    title: "Upload",
    isOwn: force ? null : (found) => isCardOf(found, pushed),
    files: [
      ...pushed.files.map((path) => ({
        path,
        content: { file: join(pushed.path, path) },
      })),
      { path: "README.md", content: { text: card } },
    ],
  }, hubOptions(hub, token));
}

const puts = (hub: FakeHub) =>
  hub.seen.filter(({ method }) => method === "PUT").length;

Deno.test("a model is sent once: the second time nothing is, after a change only that", async () => {
  using folder = testFolder();
  await using hub = startHub({});
  const path = runFolder(folder);
  const first = await pushTo(hub, path, { isPrivate: true });
  const names = [
    "README.md",
    "config.json",
    "model.safetensors",
    "tokenizer.json",
  ];
  assert.deepEqual([...first.sent].sort(), names);
  const there = hub.uploads.repositories.get("me/capitals")!;
  assert.equal(there.isPrivate, true);
  assert.deepEqual([...there.files.keys()].sort(), names);
  assert.deepEqual(
    there.files.get("model.safetensors"),
    Deno.readFileSync(join(path, "model.safetensors")),
  );
  const before = puts(hub);
  assert.ok(before > 0);

  const second = await pushTo(hub, path, { isPrivate: true });
  assert.deepEqual([second.sent, second.commit], [[], null]);
  assert.deepEqual([...second.present].sort(), names);
  assert.equal(puts(hub), before);

  Deno.writeTextFileSync(join(path, "config.json"), `{"model_type": "gpt2"}`);
  assert.deepEqual((await pushTo(hub, path)).sent, ["config.json"]);
  assert.equal(puts(hub), before);
});

Deno.test("an upload that was cut goes on: what arrived is not sent again", async () => {
  using folder = testFolder();
  await using hub = startHub({});
  const path = runFolder(folder);
  hub.fail({ path: "/commit/main", status: 500, times: 3 });
  await assert.rejects(
    pushTo(hub, path),
    /answered 500.*run the same command again to send the rest/,
  );
  const before = puts(hub);
  assert.ok(before > 0);
  const { sent } = await pushTo(hub, path);
  assert.ok(sent.includes("model.safetensors"));
  assert.equal(puts(hub), before);
  assert.equal(hub.uploads.repositories.get("me/capitals")!.files.size, 4);
});

Deno.test("a server that is busy for a moment is asked again", async () => {
  using folder = testFolder();
  await using hub = startHub({});
  const path = runFolder(folder);
  hub.fail({ path: "/preupload/", status: 503, times: 2 });
  assert.equal((await pushTo(hub, path)).sent.length, 4);
});

Deno.test("each refusal says what to change, and no token is printed", async () => {
  using folder = testFolder();
  await using hub = startHub({});
  const path = runFolder(folder);
  const refused = async (
    pattern: RegExp,
    options: Parameters<typeof pushTo>[2],
  ) => {
    await assert.rejects(pushTo(hub, path, options), (error: Error) => {
      assert.match(error.message, pattern);
      assert.doesNotMatch(error.message, /hf_(test|wrong)/);
      return true;
    });
  };
  await refused(/without a token: make one that may write/, { token: null });
  await refused(/none of the Hub's, which begin with hf_/, { token: "abc" });
  await refused(/does not accept the token in HF_TOKEN \(401\)/, {
    token: "hf_wrong",
  });
  await refused(/may not write there \(403\).*account must be you/, {
    id: "you/capitals",
  });
  hub.fail({ path: "/preupload/", status: 404 });
  await refused(/no such repository or account \(404\)/, {});

  // a public repository stays what it is
  await pushTo(hub, path);
  await refused(/the repository is there and is public/, { isPrivate: true });

  // somebody else's model of the same name
  const there = hub.uploads.repositories.get("me/capitals")!;
  there.files.set("README.md", new TextEncoder().encode("# Another model"));
  await refused(/the name is taken .* with --force/, {});
  assert.deepEqual((await pushTo(hub, path, { force: true })).sent, [
    "README.md",
  ]);
});

Deno.test("a network that is down is said, and offline asks nothing", async () => {
  using folder = testFolder();
  const path = runFolder(folder);
  const hub = startHub({});
  await hub[Symbol.asyncDispose]();
  await assert.rejects(pushTo(hub, path), /127\.0\.0\.1:\d+ cannot be reached/);
  await assert.rejects(
    uploadFiles(
      { id: "me/a", files: [], isPrivate: false, title: "", isOwn: null },
      { env: (name) => name === "HF_HUB_OFFLINE" ? "1" : undefined },
    ),
    /HF_HUB_OFFLINE is set/,
  );
});

Deno.test("the card says what was trained on what, and no folder of this machine", async () => {
  using folder = testFolder();
  const pushed = await filesToPush(runFolder(folder));
  const facts = await readRunFacts(pushed.run!);
  const plot = lossPlot(facts);
  assert.match(plot ?? "", /<polyline .*points="52\.0,20\.0 624\.0,240\.0"/);
  const card = modelCard(pushed, facts, {
    id: "me/capitals",
    license: "apache-2.0",
    plot: "loss.svg",
  });
  const [, front, body] = card.split(/^---$/m);
  assert.deepEqual(parse(front), {
    license: "apache-2.0",
    base_model: "HuggingFaceTB/SmolLM2-135M",
    base_model_relation: "finetune",
    datasets: ["tatsu-lab/alpaca"],
    library_name: "transformers",
    pipeline_tag: "text-generation",
    tags: ["denotune", "sft", "lora"],
  });
  for (
    const wanted of [
      "# capitals",
      "| rows.jsonl | alpaca |",
      "20 rows, 900 tokens, 300 of them trained.",
      "| `adapter.r` | 16 |",
      "| `optimizer.learning_rate` | 0.00005 |",
      "| training loss at step 2 | 2.25 |",
      "| eval_exact_match | 0.5 |",
      "![loss by step](loss.svg)",
    ]
  ) assert.ok(body.includes(wanted), `${wanted} in ${body}`);
  assert.doesNotMatch(card, /somebody|secret/);
  assert.doesNotMatch(body, /eval_seconds/, "it measures the machine");
});

Deno.test("push --dry-run lists files and card and sends nothing; an export goes whole", async () => {
  using folder = testFolder();
  const trained = await exportableRun(folder);
  const dry = await run("push", trained, "me/tiny", "--dry-run");
  assert.equal(dry.code, 0, dry.err);
  assert.match(dry.out, /kB {2}model\.safetensors\n/);
  assert.match(dry.out, /B {2}loss\.svg\n/);
  assert.match(dry.out, /^# tiny$/m);
  assert.doesNotMatch(dry.out, /metrics\.jsonl|config\.resolved/);
  assert.match(dry.err, /names no license/);
  assert.doesNotMatch(dry.out, new RegExp(folder.path));

  const exported = await run(
    ...["export", trained, "--to", "huggingface", "-q", "bf16"],
    ...["--backend", "reference"],
  );
  assert.equal(exported.code, 0, exported.err);
  const path = join(trained, "huggingface-bf16");
  const whole = await run("push", path, "me/tiny", "--dry-run");
  assert.match(whole.out, /B {2}export\.json\n/);
  assert.match(whole.out, /## Compared with what was trained/);
  assert.match(whole.out, /equal greedy answers \| \d/);

  for (
    const [words, pattern] of [
      [
        [trained, "tiny"],
        /"tiny" is no name of a repository; write owner\/name/,
      ],
      [[folder.at("tokenizer"), "me/tiny"], /it holds no model/],
      [[folder.at("nowhere"), "me/tiny"], /there is no such folder/],
    ] as const
  ) {
    const { code, err } = await run("push", ...words);
    assert.equal(code, 2);
    assert.match(err, pattern);
  }
});
