import assert from "node:assert/strict";
import {
  BATCHED,
  type BatchedCalls,
  batchedCalls,
} from "../../../../core/config/isolated/part_members.ts";
import {
  errorOutcome,
  type Outcome,
} from "../../../../core/config/isolated/messages.ts";
import type { Masker } from "@denotune/denotune/core";
import { completionOnly } from "../../../../plugins/maskers/mod.ts";
import { examples, prepare, type Setup } from "../_prepare.ts";
import { asIs, chatTemplate, make } from "../_support.ts";

/** Parts as those of a process: what is sent to it is written down. `endsAt`: the row at which a chain ends it. */
function processOf({ endsAt = Infinity, looks = false } = {}) {
  const sent: string[] = [];
  const held: object[] = [];
  const process = {};
  const outcome = (
    seat: number,
    method: string,
    args: readonly unknown[],
  ): Outcome => {
    try {
      const part = held[seat];
      const called: unknown = Reflect.get(part, method);
      assert.ok(typeof called === "function");
      return { value: structuredClone(called.apply(part, args)) };
    } catch (error) {
      return errorOutcome(error);
    }
  };
  const hold = <T extends object>(part: T): T => {
    const seat = held.push(part) - 1;
    const calls: BatchedCalls = {
      described: `part ${seat} of plugin "x"`,
      process,
      seat,
      send(method, calls, isAlone = false) {
        sent.push(`${method} ${calls.length}${isAlone ? " alone" : ""}`);
        return () => calls.map((args) => outcome(seat, method, args));
      },
      sendChain(steps, calls, tokens) {
        sent.push(`${steps.map((s) => s.method).join("+")} ${calls.length}`);
        return () =>
          calls.slice(0, endsAt).map((first) => {
            let args = first;
            return steps.map(({ seat, method }) => {
              const gave = outcome(seat, method, args);
              const value = "value" in gave ? gave.value : null;
              args = method === "render" && isRendered(value)
                ? [{ ...value, encoding: tokens(value) }]
                : [value];
              return gave;
            });
          });
      },
      mayFollow: (method) => method !== "weights" || !looks,
    };
    return { ...part, [BATCHED]: calls };
  };
  return { sent, hold };
}

function isRendered(
  value: unknown,
): value is { text: string; addBos: boolean } {
  return typeof value === "object" && value !== null && "text" in value &&
    "addBos" in value;
}

const rows = examples(300);

/** Prepares the rows with parts of a process; gives what was sent to it. Rows must be those of trusted parts. */
async function sentFor(
  {
    process,
    options = {},
    source = {},
    has = ["format", "template", "masker"],
  }: {
    readonly process: ReturnType<typeof processOf>;
    readonly options?: Setup["options"];
    readonly source?: Setup["source"];
    readonly has?: readonly string[];
  },
): Promise<string[]> {
  const masker: Masker = {
    ...await make("masker", completionOnly),
    ...source.masker,
  };
  const hold = <T extends object>(kind: string, part: T): T =>
    has.includes(kind) ? process.hold(part) : part;
  const settings = { ...options, cache: false };
  using trusted = await prepare([rows], {
    options: settings,
    source: { ...source, masker },
  });
  using isolated = await prepare([rows], {
    options: settings,
    source: {
      ...source,
      format: hold("format", asIs),
      template: hold("template", chatTemplate),
      masker: hold("masker", masker),
    },
  });
  assert.equal(isolated.stepsInEpoch(0), trusted.stepsInEpoch(0));
  for (let step = 0; step < trusted.stepsInEpoch(0); step += 7) {
    assert.deepEqual(isolated.batches(0, step), trusted.batches(0, step));
  }
  return process.sent;
}

Deno.test("format, template and masker of one process are called in one exchange for 128 rows", async () => {
  assert.deepEqual(await sentFor({ process: processOf() }), [
    "parse+render+weights 128",
    "parse+render+weights 128",
    "parse+render+weights 44",
  ]);
});

Deno.test("what comes between two parts is called between them", async () => {
  assert.deepEqual(
    await sentFor({ process: processOf(), has: ["format", "masker"] }),
    [
      "parse 128",
      "parse 128", // of the next rows, while these are built
      "weights 128",
      "parse 44",
      "weights 128",
      "weights 44",
    ],
  );
  assert.deepEqual(
    await sentFor({
      process: processOf(),
      options: { include_system_prompt: false },
    }),
    [
      "parse 128",
      "parse 128",
      "render+weights 128",
      "parse 44",
      "render+weights 128",
      "render+weights 44",
    ],
  );
  const held = await sentFor({
    process: processOf(),
    options: { eval_fraction: 0.5 },
    source: { side: "train" },
  });
  assert.deepEqual(held.slice(0, 2), ["parse 128", "parse 128"]);
  assert.match(held[2], /^render\+weights \d\d$/);
});

Deno.test("a masker that looks at tokens gets them with its own call", async () => {
  assert.deepEqual(
    (await sentFor({ process: processOf({ looks: true }) })).slice(0, 3),
    ["parse+render 128", "parse+render 128", "weights 128"],
  );
});

Deno.test("rows behind one at which a chain ended its process are asked for one by one", async () => {
  const sent = await sentFor({ process: processOf({ endsAt: 100 }) });
  assert.deepEqual(sent.slice(0, 6), [
    "parse+render+weights 128",
    "parse 28 alone",
    "parse+render+weights 128",
    "render 28 alone",
    "weights 28 alone",
    "parse 28 alone",
  ]);
});

Deno.test("calls of the next rows are out while rows are built, and are waited for before others are sent", async () => {
  const process = processOf();
  let out = 0;
  const seen = { most: 0, whileEncoding: 0 };
  const watched = <T extends object>(part: T): T => {
    const held = process.hold(part);
    const calls = batchedCalls(held);
    assert.ok(calls !== null);
    const waits = <R>(answers: () => R): () => R => {
      seen.most = Math.max(seen.most, ++out);
      return () => {
        out--;
        return answers();
      };
    };
    return {
      ...held,
      [BATCHED]: {
        ...calls,
        send: (...sent: Parameters<BatchedCalls["send"]>) =>
          waits(calls.send(...sent)),
        sendChain: (...sent: Parameters<BatchedCalls["sendChain"]>) =>
          waits(calls.sendChain(...sent)),
      },
    };
  };
  const masker: Masker = await make("masker", completionOnly);
  using prepared = await prepare([rows], {
    options: { cache: false },
    source: {
      format: watched(asIs),
      template: chatTemplate,
      masker: {
        weights: (tokenized) => {
          seen.whileEncoding = Math.max(seen.whileEncoding, out);
          return masker.weights(tokenized);
        },
      },
    },
  });
  assert.equal(prepared.report.rows, rows.length);
  assert.deepEqual(seen, { most: 1, whileEncoding: 1 });
});
