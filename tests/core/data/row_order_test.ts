/**
 * The order of streamed rows: nothing lost, nothing twice, weights met, and never more read than the buffer
 * and what is ahead.
 */
import assert from "node:assert/strict";
import { randomFrom } from "@denotune/denotune/core";
import { drawsOf } from "../../../core/data/prepared/epoch_order.ts";
import { Statistics } from "../../../core/data/statistics.ts";
import { RangeQueue } from "../../../core/data/stream/range_queue.ts";
import {
  type MixerOptions,
  RowMixer,
} from "../../../core/data/stream/row_mixer.ts";
import { RowOrder } from "../../../core/data/stream/row_order.ts";
import { SourceCursor } from "../../../core/data/stream/source_cursor.ts";
import type {
  CursorPlace,
  DrawnRow,
  StreamSource,
} from "../../../core/data/stream/types.ts";

/** Rows `name 0`, `name 1`, ...; `given` counts those that were read. */
function countedSource(name: string, rows: number, some = 7) {
  const source = {
    name,
    given: 0,
    extent: [],
    parse: (row) => row.record,
    async *pass() {
      for (let from = 0; from < rows; from += some) {
        await Promise.resolve();
        const count = Math.min(some, rows - from);
        source.given += count;
        yield Array.from({ length: count }, (_, i) => ({
          record: {
            value: `${name} ${from + i}`,
            where: { path: name, index: from + i },
          },
          path: null,
        }));
      }
    },
  } satisfies StreamSource & { given: number };
  return source;
}

interface Drawn {
  readonly texts: string[];
  readonly sources: number[];
  readonly places: readonly CursorPlace[];
}

function orderOf(
  sources: readonly StreamSource[],
  more: Partial<MixerOptions> & {
    size?: number;
    start?: readonly CursorPlace[];
    maxRows?: number;
  } = {},
) {
  const { size = 8, start, maxRows = null, ...rest } = more;
  const options: MixerOptions = {
    shares: null,
    passes: sources.map(() => null),
    stopping: "first_exhausted",
    shuffle: true,
    seed: 3,
    epoch: 0,
    ...rest,
  };
  const cursors = sources.map((source, k) =>
    new SourceCursor({
      source,
      maxRows,
      start: start?.[k] ?? { row: 0, length: null },
    })
  );
  const mixer = new RowMixer(cursors, options);
  return { order: new RowOrder(mixer, { size, ...options }), cursors };
}

async function drawAll(
  ...args: Parameters<typeof orderOf>
): Promise<Drawn> {
  const { order, cursors } = orderOf(...args);
  const rows: DrawnRow[] = [];
  for (;;) {
    const some = await order.draw({ rows: 5, characters: 1000 });
    if (some.length === 0) break;
    rows.push(...some);
  }
  return {
    texts: rows.map((row) => String(row.record.value)),
    sources: rows.map((row) => row.source),
    places: cursors.map((cursor) => cursor.place),
  };
}

Deno.test("a buffer gives every row once, each epoch in an order of its own, whatever is read at a time", async () => {
  const plain = Array.from({ length: 300 }, (_, i) => `a ${i}`);
  const orders = new Set<string>();
  for (const epoch of [0, 1, 2]) {
    const { texts } = await drawAll([countedSource("a", 300)], {
      size: 40,
      epoch,
    });
    assert.deepEqual([...texts].sort(), [...plain].sort());
    orders.add(texts.join());
    for (const some of [1, 64, 1000]) {
      const again = await drawAll([countedSource("a", 300, some)], {
        size: 40,
        epoch,
      });
      assert.deepEqual(again.texts, texts);
    }
    // no row can come before it is in the buffer
    texts.forEach((text, at) => assert.ok(Number(text.slice(2)) < at + 40));
  }
  assert.equal(orders.size, 3);
  const inLine = await drawAll([countedSource("a", 300)], { size: 1 });
  assert.deepEqual(inLine.texts, plain);
});

Deno.test("a buffer that holds all rows shuffles them evenly", async () => {
  // where row 0 comes, over many seeds: the mean of a uniform place among 20 is 9.5, its deviation 5.77
  let sum = 0;
  for (let seed = 0; seed < 400; seed++) {
    const { texts } = await drawAll([countedSource("a", 20)], {
      size: 100,
      seed,
    });
    sum += texts.indexOf("a 0");
  }
  assert.ok(Math.abs(sum / 400 - 9.5) < 4 * 5.77 / 20, String(sum / 400));
});

Deno.test("without weights sources follow each other, each as often as its epochs say", async () => {
  const { texts } = await drawAll(
    [countedSource("a", 3), countedSource("b", 2)],
    { size: 1, passes: [2, null] },
  );
  assert.deepEqual(
    texts,
    ["a 0", "a 1", "a 2", "a 0", "a 1", "a 2", "b 0", "b 1"],
  );
  const few = await drawAll([countedSource("a", 30)], { maxRows: 4, size: 1 });
  assert.deepEqual(few.texts, ["a 0", "a 1", "a 2", "a 3"]);
});

Deno.test("weights are met within 1% over 10,000 draws, and in every stretch", async () => {
  const shares = [0.55, 0.3, 0.15];
  const sources = [20_000, 9000, 9000].map((n, k) =>
    countedSource(String(k), n, 512)
  );
  const { order } = orderOf(sources, { shares, size: 64 });
  const counts = [0, 0, 0];
  for (let drawn = 0; drawn < 10_000;) {
    const rows = await order.draw({ rows: 100, characters: Infinity });
    drawn += rows.length;
    for (const { source } of rows) counts[source]++;
    counts.forEach((n, k) =>
      assert.ok(Math.abs(n - shares[k] * drawn) < 0.01 * drawn + 20)
    );
  }
  counts.forEach((n, k) =>
    assert.ok(Math.abs(n / 10_000 - shares[k]) < 0.01 * shares[k], String(n))
  );
});

Deno.test("epochs over weighted sources have the draws of an indexed set, and go on where the one before ended", async () => {
  const random = randomFrom(4);
  for (let seed = 0; seed < 30; seed++) {
    const k = 2 + random.below(3);
    const counts = Array.from({ length: k }, () => 5 + random.below(150));
    const weights = counts.map(() => 0.1 + random.next());
    const sum = weights.reduce((a, b) => a + b, 0);
    const shares = weights.map((w) => w / sum);
    const passes = counts.map(() =>
      random.next() < 0.6 ? null : 1 + random.below(3)
    );
    const stopping = random.next() < 0.5 ? "first_exhausted" : "all_exhausted";
    const wanted = drawsOf({ counts, shares, passes, stopping });
    const times = counts.map((count) => new Uint32Array(count));
    let start: readonly CursorPlace[] | undefined;
    for (const epoch of [0, 1, 2]) {
      const drawn = await drawAll(
        counts.map((count, s) => countedSource(String(s), count)),
        { shares, passes, stopping, seed, epoch, start },
      );
      start = drawn.places;
      drawn.texts.forEach((text, i) =>
        times[drawn.sources[i]][Number(text.split(" ")[1])]++
      );
      counts.forEach((_, s) => {
        const n = drawn.sources.filter((source) => source === s).length;
        // the end is seen when the last source would come again: others have had draws by then
        const slack = 2 + 2 * shares[s] / Math.min(...shares);
        assert.ok(
          Math.abs(n - wanted[s]) <= slack,
          `${stopping} ${n} of ${wanted[s]}`,
        );
      });
    }
    for (const own of times) {
      const least = Math.min(...own);
      assert.ok(own.every((n) => n - least <= 1), "a row came early again");
    }
  }
});

Deno.test("a source without rows, and one that became shorter, are errors that name it", async () => {
  await assert.rejects(drawAll([countedSource("a", 0)]), {
    name: "DataError",
    message: "a: there are no rows in it",
  });
  const start = [{ row: 9, length: null }];
  await assert.rejects(drawAll([countedSource("a", 5)], { start }), {
    name: "DataError",
    message: /a has become shorter/,
  });
});

Deno.test("rows are read and prepared ahead, but no further than they may", async () => {
  const source = countedSource("a", 100_000, 100);
  const { order } = orderOf([source], { size: 500 });
  let prepared = 0;
  using queue = new RangeQueue(order, {
    ahead: { rows: 300, ranges: 4 },
    prepare: (rows) => {
      prepared += rows.length;
      return Promise.resolve({
        packed: {
          words: new Int32Array(),
          sizes: new Uint32Array(),
          lengths: new Uint32Array(),
        },
        rows: new Uint32Array(),
        statistics: new Statistics(1),
        failure: null,
      });
    },
  });
  let used = 0;
  for (let i = 0; i < 40; i++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    assert.ok(prepared >= used + 300, "it stays ahead");
    assert.ok(prepared < used + 300 + 64, `${prepared} of ${used}`);
    assert.ok(source.given <= prepared + 500 + 100, `${source.given}`);
    used += (await queue.next())?.range.rows.length ?? 0;
  }
});

Deno.test("a mistake is told when its row is reached, after the rows before it", async () => {
  const good = countedSource("a", 64, 32);
  const source: StreamSource = {
    ...good,
    async *pass() {
      yield* good.pass();
      throw new Error("broken here");
    },
  };
  const { order } = orderOf([source], { size: 1 });
  using queue = new RangeQueue(order, {
    ahead: { rows: 1000, ranges: 4 },
    prepare: (rows) =>
      Promise.resolve({
        packed: {
          words: new Int32Array(),
          sizes: new Uint32Array(),
          lengths: new Uint32Array(),
        },
        rows: new Uint32Array(rows.length),
        statistics: new Statistics(1),
        failure: null,
      }),
  });
  assert.equal((await queue.next())?.range.drawn, 0);
  assert.equal((await queue.next())?.range.drawn, 32);
  await assert.rejects(queue.next(), /broken here/);
});
