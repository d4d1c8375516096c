/**
 * A stream that is resumed on files that have changed: as if they had always been so, or refused.
 */
import assert from "node:assert/strict";
import { randomFrom } from "@denotune/denotune/core";
import type { DataInput } from "../../../../core/config/types.ts";
import type { StreamChange } from "../../../../core/data/stream/resumed_stream.ts";
import type { StreamPosition } from "../../../../core/data/stream/types.ts";
import { type TestFolder, testFolder } from "../../../run_harness.ts";
import { alpacaLines, openRun } from "../_open_run.ts";

const STREAM = {
  streaming: true,
  shuffle_buffer: 16,
  max_length: 64,
  truncation: "split", // a row may give several examples
} as const;

const LAYOUTS: Readonly<Record<string, Partial<DataInput>>> = {
  padded: { collator: "padded" },
  "padded in order": { collator: "padded", shuffle: false },
  packed: { collator: { use: "packed", window: 16 } },
  "padded with 3 workers": { collator: "padded", workers: 3 },
};

interface Read {
  /** Tokens of each step. */
  readonly steps: readonly string[];
  readonly position: StreamPosition | null;
  readonly change: StreamChange;
}

/** Steps of a run, from its beginning or a position, at most `most`. */
async function read(
  folder: TestFolder,
  data: DataInput,
  { from = null, most = Infinity }: {
    readonly from?: StreamPosition | null;
    readonly most?: number;
  } = {},
): Promise<Read> {
  using run = await openRun({ ...STREAM, ...data }, {
    cacheDir: folder.at("cache"),
    run: { training: { max_steps: 10_000, epochs: 2, batch_size: 4 } },
  });
  const { stream } = run.data;
  assert.ok(stream !== null);
  const change = from === null ? {} : await stream.resume(from);
  const steps: string[] = [];
  for (let epoch = from?.epoch ?? 0; epoch < 2 && !change.refused; epoch++) {
    for (let ends = false; !ends && steps.length < most;) {
      const { batches, endsEpoch } = await stream.step(epoch, steps.length);
      steps.push(
        batches.map(({ T, tokens }) => `${T} ${tokens.join(" ")}`).join("\n"),
      );
      ends = endsEpoch;
    }
  }
  return { steps, position: stream.position(), change };
}

/** Lines of a file after somebody has worked on it from line `at` on. */
function edited(lines: readonly string[], at: number, kind: number): string[] {
  const [before, rest] = [lines.slice(0, at), lines.slice(at)];
  const other = alpacaLines(5, "other").trimEnd().split("\n");
  switch (kind) {
    case 0: // one row has changed
      return [...before, other[3], ...rest.slice(1)];
    case 1: // rows were put in
      return [...before, ...other, ...rest];
    case 2: // rows were taken out
      return [...before, ...rest.slice(3)];
    default: // the end is another
      return [...before, ...other];
  }
}

for (const [name, layout] of Object.entries(LAYOUTS)) {
  Deno.test(`a stream, ${name}, resumes on files that changed behind the rows it used as if they had always been so`, async () => {
    using folder = testFolder();
    const random = randomFrom(31, name.length);
    const path = folder.at("b.jsonl");
    const first = folder.at("a.jsonl");
    Deno.writeTextFileSync(first, alpacaLines(20, "first"));
    const lines = alpacaLines(120).trimEnd().split("\n");
    const data: DataInput = {
      ...layout,
      train: [first, path].map((path) => ({ path, format: "alpaca" })),
    };
    let accepted = 0;
    let refused = 0;
    const tries = name.includes("workers") ? 1 : 12;
    for (let i = 0; i < tries; i++) {
      const isLate = i % 3 === 2; // steps that mostly reach the edit
      const most = isLate ? 12 : 1 + random.below(12);
      Deno.writeTextFileSync(path, lines.join("\n"));
      const before = await read(folder, data, { most });
      const at = i === 0 ? 110 : random.below(isLate ? 20 : 118);
      const now = edited(lines, at, i % 4);
      Deno.writeTextFileSync(path, now.join("\n"));
      const whole = await read(folder, data);
      const after = await read(folder, data, { from: before.position });
      const same = before.steps.every((step, k) => step === whole.steps[k]);
      const about = `${name}, try ${i}: line ${at}, ${most} steps`;
      if (after.change.refused !== undefined) {
        refused++;
        assert.match(after.change.refused, /used|shorter/, about);
        continue;
      }
      accepted++;
      assert.ok(same, about);
      assert.deepEqual(
        [...before.steps, ...after.steps],
        whole.steps,
        about,
      );
      // the first rows are looked at before training, and sizes are known; other changes are not seen
      if (now.join("\n").length !== lines.join("\n").length) {
        assert.match(
          after.change.notice ?? "",
          /b\.jsonl \(\d+ bytes then, \d+ now\)/,
          about,
        );
      }
    }
    assert.ok(accepted >= tries / 4, `${accepted} accepted`);
    assert.ok(refused >= (tries > 4 ? 2 : 0), `${refused} refused`);
  });
}

Deno.test("a stream resumes after a row that cannot be read was mended, wherever the buffer had it", async () => {
  using folder = testFolder();
  const path = folder.at("rows.jsonl");
  const lines = alpacaLines(600).trimEnd().split("\n");
  const data = {
    train: [{ path, format: "alpaca" }],
    shuffle_buffer: 64,
    truncation: "keep-start",
  } as const;
  Deno.writeTextFileSync(
    path,
    lines.map((line, i) => i === 400 ? '{"instruction": "broken' : line)
      .join("\n"),
  );
  using broken = await openRun({ ...STREAM, ...data }, {
    cacheDir: folder.at("cache"),
    run: { training: { max_steps: 10_000, epochs: 2, batch_size: 4 } },
  });
  const { stream } = broken.data;
  assert.ok(stream !== null);
  const steps = await assert.rejects(async () => {
    for (let step = 0;; step++) await stream.step(0, step);
  }, /rows\.jsonl:401/);
  assert.equal(steps, undefined);
  const position = stream.position();
  assert.ok(position !== null && position.used.rows > 250);
  Deno.writeTextFileSync(path, lines.join("\n"));
  const after = await read(folder, data, { from: position });
  assert.equal(after.change.refused, undefined);
  assert.match(after.change.notice ?? "", /changed behind the \d+ rows/);
  const whole = await read(folder, data);
  assert.deepEqual(after.steps, whole.steps.slice(-after.steps.length));
});

Deno.test("a stream refuses what an earlier epoch has read, and rows that give other tokens", async () => {
  using folder = testFolder();
  const path = folder.at("rows.jsonl");
  const template = folder.at("template.jinja");
  const data = {
    train: [{ path, format: "alpaca" }],
    template: { use: "jinja", path: template },
  } as const;
  const jinja =
    "{% for m in messages %}{{ m.role + ': ' + m.content + '</s>' }}{% endfor %}";
  Deno.writeTextFileSync(path, alpacaLines(40));
  Deno.writeTextFileSync(template, jinja);
  const one = await read(folder, data, { most: 3 });
  const two = await read(folder, data, { most: 18 });
  assert.equal(one.position?.epoch, 0);
  assert.equal(two.position?.epoch, 1);
  Deno.writeTextFileSync(path, alpacaLines(41));
  const later = await read(folder, data, { from: two.position });
  assert.match(
    later.change.refused ?? "",
    /has changed \(\d+ bytes then, \d+ now\), and epochs before/,
  );
  Deno.writeTextFileSync(path, alpacaLines(40));
  Deno.writeTextFileSync(template, jinja.replace(": ", " says: "));
  for (const from of [one.position, two.position]) {
    const { change } = await read(folder, data, { from });
    assert.match(change.refused ?? "", /other tokens|their tokens/);
  }
});
