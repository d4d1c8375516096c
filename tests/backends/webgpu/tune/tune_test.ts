/**
 * Tuning measures, checks and remembers.
 */
import assert from "node:assert/strict";
import type { Plan } from "@denotune/denotune/core";
import { localDevice } from "../../../../core/device/local_device.ts";
import { openWebGpu } from "../../../../backends/webgpu/open.ts";
import { tuneWebgpu } from "../../../../backends/webgpu/mod.ts";
import { shapeKey } from "../../../../backends/webgpu/kernels/matmul/choice.ts";
import type {
  ProductShape,
  Tile,
} from "../../../../backends/webgpu/kernels/matmul/tiles.ts";
import { driverVersion } from "../../../../backends/webgpu/runtime/driver.ts";
import { adviceFor } from "../../../../backends/webgpu/tune/advice.ts";
import { openTiles } from "../../../../backends/webgpu/tune/cache.ts";
import { nearestTile } from "../../../../backends/webgpu/tune/nearest.ts";
import { missing, title } from "../_device.ts";

const SHAPE: ProductShape = {
  layout: "NT",
  dtype: "f32",
  batch: 1,
  m: 24,
  n: 40,
  k: 64,
};

/** A folder for one test; caches lie there. */
function cacheFolder(): Disposable & { readonly path: string } {
  const before = Deno.env.get("DENOTUNE_CACHE");
  const path = Deno.makeTempDirSync();
  Deno.env.set("DENOTUNE_CACHE", path);
  return {
    path,
    [Symbol.dispose]() {
      if (before === undefined) Deno.env.delete("DENOTUNE_CACHE");
      else Deno.env.set("DENOTUNE_CACHE", before);
      Deno.removeSync(path, { recursive: true });
    },
  };
}

Deno.test({
  name: title("tuning keeps the fastest of the tiles that compute right"),
  ignore: missing !== null,
  async fn() {
    using folder = cacheFolder();
    const result = await tuneWebgpu({ shapes: [SHAPE], folder: folder.path });
    const [tuned] = result.shapes;
    assert.ok(tuned.best !== null);
    assert.ok(tuned.candidates.length >= 2);
    const fastest = Math.min(...tuned.candidates.map((c) => c.seconds));
    assert.equal(tuned.best.seconds, fastest);
    for (const { refused, error, name } of tuned.candidates) {
      assert.equal(refused, null, name);
      assert.ok(error <= 1e-5, name);
    }
    const [file] = [...Deno.readDirSync(folder.path)];
    const { adapter } = JSON.parse(
      await Deno.readTextFile(`${folder.path}/${file.name}`),
    );
    assert.ok(adapter.endsWith(driverVersion()), adapter);
    const cached = await openTiles(adapter, "cached", folder.path);
    assert.deepEqual(cached.find(SHAPE, 8), tuned.best.tile);
    assert.notEqual(cached.fingerprint, "built in");
    const off = await openTiles(adapter, "off", folder.path);
    assert.equal(off.find(SHAPE, 8), null);
    const newer = await openTiles(`${adapter}.1`, "cached", folder.path);
    assert.equal(newer.find(SHAPE, 8), null, "a cache of another driver");
  },
});

Deno.test({
  name: title("a tile that computes wrong is refused, however fast it is"),
  ignore: missing !== null,
  async fn() {
    // Told of subgroups twice as wide as they are, lanes ask others that are not there.
    const { shapes } = await tuneWebgpu({
      shapes: [SHAPE],
      folder: null,
      pretend: { software: true, subgroup: { min: 128, max: 128 } },
    });
    const [{ candidates, best }] = shapes;
    assert.ok(candidates.length > 0);
    assert.equal(best, null);
    assert.ok(candidates.some((c) => /^wrong by/.test(c.refused ?? "")));
  },
});

/** Runs a product on a device opened with these options; gives its fingerprints before and after compiling. */
async function runProduct(tune: "off" | "cached" | "now"): Promise<{
  before: string;
  after: string;
}> {
  await using device = localDevice(await openWebGpu({ tune }));
  const { m, n, k } = SHAPE;
  const buffer = (shape: number[]) => ({
    buffer: device.allocate(shape[0] * shape[1] * 4, "x"),
    offset: 0,
    shape,
    dtype: "f32" as const,
  });
  const plan: Plan = {
    name: "product",
    capacities: {},
    segments: [{
      calls: [{
        kernel: "matmul",
        attributes: {
          layout: "NT",
          batch: 1,
          m,
          n,
          k,
          alpha: 1,
          bias: false,
          addend: false,
        },
        inputs: [buffer([m, k]), buffer([n, k])],
        outputs: [buffer([m, n])],
        label: "product",
      }],
    }],
  };
  const before = device.info.fingerprint;
  device.run(await device.compile(plan), {});
  await device.idle();
  return { before, after: device.info.fingerprint };
}

Deno.test({
  name: title(
    "tune: now measures the products of a plan once, cached uses them, off does not",
  ),
  ignore: missing !== null,
  async fn() {
    using folder = cacheFolder();
    const none = await runProduct("cached");
    assert.equal(none.before, none.after);
    assert.match(none.after, /tiles built in$/);
    assert.deepEqual([...Deno.readDirSync(folder.path)], []);

    const now = await runProduct("now");
    assert.equal(now.before, none.before);
    assert.notEqual(now.after, now.before, "what was measured is recorded");
    const [{ name }] = [...Deno.readDirSync(folder.path)];
    const written = Deno.readTextFileSync(`${folder.path}/${name}`);
    assert.ok(shapeKey(SHAPE) in JSON.parse(written).tiles);

    const again = await runProduct("now");
    assert.deepEqual([again.before, again.after], [now.after, now.after]);
    assert.equal(Deno.readTextFileSync(`${folder.path}/${name}`), written);

    const cached = await runProduct("cached");
    assert.deepEqual([cached.before, cached.after], [now.after, now.after]);
    assert.equal((await runProduct("off")).after, none.after);
  },
});

Deno.test("a cache of tiles that cannot be read counts as none", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const tiles = await openTiles("some GPU", "cached", folder);
    await tiles.add(new Map([["NN f32 1x2x3x4", { kind: "naive" }]]));
    assert.ok(tiles.path !== null);
    for (
      const text of [
        "",
        "{",
        '{"version": 0}',
        '{"version":1,"adapter":"some GPU","tiles":{"x":{"kind":"shared","bm":-1}}}',
        '{"version":1,"adapter":"another GPU","tiles":{}}',
      ]
    ) {
      await Deno.writeTextFile(tiles.path, text);
      const again = await openTiles("some GPU", "cached", folder);
      assert.equal(again.all.size, 0, text);
      await again.add(new Map([["NN f32 1x2x3x4", { kind: "naive" }]]));
      assert.equal((await openTiles("some GPU", "cached", folder)).all.size, 1);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a product that was not measured takes the tile of the nearest of its layout, none that is far", () => {
  const wide: Tile = {
    kind: "direct",
    rows: 4,
    columns: 2,
    lanes: 32,
    split: 1,
  };
  const split: Tile = { ...wide, rows: 1, split: 9 };
  const tiles = new Map<string, Tile>([
    ["NT f32 1x4096x768x768", wide],
    ["NT f32 1x64x768x3072", split],
    ["NN f32 1x512x768x768", { kind: "naive" }],
    ["no shape", { kind: "naive" }],
  ]);
  const at = (shape: Partial<ProductShape>) =>
    nearestTile(tiles, { ...SHAPE, n: 768, k: 768, ...shape }, 8);
  assert.deepEqual(at({ m: 8192 }), wide);
  assert.deepEqual(at({ m: 1024, dtype: "bf16" }), wide);
  assert.equal(at({ m: 65536 }), null);
  assert.equal(at({ m: 4096, layout: "TN" }), null);
  // parts are counted anew: enough workgroups need none
  assert.deepEqual(at({ m: 256, k: 3072 }), { ...split, split: 1 });
  assert.deepEqual(at({ m: 24, n: 200, k: 3072 }), { ...split, split: 2 });
  assert.equal(at({ m: 16, n: 200, k: 3072 }), null, "few rows are cut apart");
});

Deno.test("who has a GPU that was never measured is told how, once it matters", () => {
  const told = { software: false, measured: 0, tune: "cached" } as const;
  assert.match(adviceFor(told) ?? "", /doctor --tune/);
  assert.equal(adviceFor({ ...told, software: true }), undefined);
  assert.equal(adviceFor({ ...told, measured: 3 }), undefined);
  assert.equal(adviceFor({ ...told, tune: "now" }), undefined);
});
