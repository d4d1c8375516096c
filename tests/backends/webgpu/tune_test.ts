/**
 * Tuning measures, checks and remembers.
 */
import assert from "node:assert/strict";
import { tuneWebgpu } from "../../../backends/webgpu/mod.ts";
import { shapeKey } from "../../../backends/webgpu/kernels/matmul_choice.ts";
import { openTiles } from "../../../backends/webgpu/tune/cache.ts";
import { missing, title } from "./_device.ts";

Deno.test({
  name: title("tuning keeps the fastest of the tiles that compute right"),
  ignore: missing !== null,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const shape = {
        layout: "NT",
        dtype: "f32",
        batch: 1,
        m: 24,
        n: 40,
        k: 64,
      } as const;
      const result = await tuneWebgpu({ shapes: [shape], folder });
      const [tuned] = result.shapes;
      assert.ok(tuned.best !== null);
      assert.ok(tuned.candidates.length >= 2);
      for (const { refused, error, name } of tuned.candidates) {
        assert.equal(refused, null, name);
        assert.ok(error <= 1e-5, name);
      }
      const [file] = [...Deno.readDirSync(folder)];
      const { adapter } = JSON.parse(
        await Deno.readTextFile(`${folder}/${file.name}`),
      );
      const cached = await openTiles(adapter, "cached", folder);
      assert.deepEqual(cached.find(shapeKey(shape)), tuned.best.tile);
      assert.notEqual(cached.fingerprint, "built in");
      const off = await openTiles(adapter, "off", folder);
      assert.equal(off.find(shapeKey(shape)), null);
      const other = await openTiles(
        `${adapter}, newer driver`,
        "cached",
        folder,
      );
      assert.equal(other.find(shapeKey(shape)), null);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
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
      ]
    ) {
      await Deno.writeTextFile(tiles.path, text);
      const again = await openTiles("some GPU", "cached", folder);
      assert.equal(again.all.size, 0, text);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
