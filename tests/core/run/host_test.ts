/**
 * What parts of a run are made beside.
 */
import assert from "node:assert/strict";
import { choose, definePart, type Host, type Kind } from "../../../core/mod.ts";
import { z } from "zod";
import {
  runConfig,
  testFolder,
  TINY_LLAMA,
  tinyRows,
  tinyRun,
} from "../../run_harness.ts";

/** Where a run file chooses a part of each kind, and the built-in part that is made in its place. */
const CHOSEN = [
  ["tokenizer", "byte"],
  ["adapter", "lora"],
  ["objective", "causal-lm"],
  ["optimizer", "adamw"],
  ["schedule", "constant"],
  ["backend", "cpu"],
  ["template", "plain"],
  ["masker", "completion-only"],
  ["collator", "padded"],
  ["format", "alpaca"],
  ["evaluator", "exact-match"],
  ["tracker", "jsonl"],
] as const;

Deno.test("every part is made beside the model's config and, once there is one, the tokenizer", async () => {
  using folder = testFolder();
  const hosts = new Map<Kind, Host>();
  /** Makes the built-in part of that name, and keeps the host that it was made with. */
  const watched = (kind: Kind, name: string) =>
    choose(
      definePart({
        kind,
        name: `watched-${name}`,
        description: "For a test",
        options: z.strictObject({}),
        create: (_, host) => {
          hosts.set(kind, host);
          return host.create(kind, name);
        },
      }),
      {},
    );
  const parts = Object.fromEntries(
    CHOSEN.map(([kind, name]) => [kind, watched(kind, name)]),
  );
  const { template, masker, collator, format, evaluator, tracker, ...rest } =
    parts;
  await runConfig({
    ...tinyRun(folder.at("a")),
    ...rest,
    evaluators: [evaluator],
    trackers: [tracker],
    data: {
      train: [{ rows: tinyRows(8), format }],
      eval: [{ rows: tinyRows(2, 2), format }],
      template,
      masker,
      collator,
      max_length: 128,
    },
    training: { epochs: 1, max_steps: 1 },
  });
  for (const [kind] of CHOSEN) {
    const host = hosts.get(kind);
    assert.equal(host?.seed, 7, kind);
    if (kind === "tracker") continue; // trackers hear how the model is opened
    assert.deepEqual(host?.modelConfig, TINY_LLAMA, kind);
    if (kind === "tokenizer") continue;
    const { tokenizer } = host ?? {};
    assert.equal(tokenizer?.vocabSize, 259, kind);
    const eos = tokenizer?.specialTokens.eos ?? "";
    assert.equal(tokenizer?.idOf(eos), tokenizer?.specialIds.eos, kind);
  }
});
