import assert from "node:assert/strict";
import { join } from "node:path";
import { runConfig, tinyRun } from "../../run_harness.ts";
import { SafetensorsFile } from "../../../core/io/read_safetensors.ts";

/** Writes a tiny model, trained a little, into a folder. */
async function savedModel(parent: string): Promise<string> {
  const output = join(parent, "base");
  await runConfig(tinyRun(output, {
    training: { epochs: 1, max_steps: 1, batch_size: 2 },
  }));
  return output;
}

Deno.test("a base with NaN ends the run after some skipped updates, and its weight is named", async () => {
  const parent = Deno.makeTempDirSync();
  const base = await savedModel(parent);
  const path = join(base, "model.safetensors");
  const names = new SafetensorsFile(path);
  const name = [...names.tensors.keys()].find((n) => n.includes("down_proj"));
  assert.ok(name !== undefined);
  const bytes = Deno.readFileSync(path);
  const header = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const json = JSON.parse(new TextDecoder().decode(bytes.subarray(8, header)));
  new DataView(bytes.buffer).setFloat32(
    header + json[name].data_offsets[0],
    NaN,
    true,
  );
  Deno.writeFileSync(path, bytes);
  names[Symbol.dispose]?.();
  const { model: _, ...run } = tinyRun(join(parent, "run"), {
    training: { epochs: 100, batch_size: 2, max_skipped_updates: 3 },
  });
  await assert.rejects(
    () => runConfig({ ...run, model: { path: base } }),
    (error: Error) => {
      assert.equal(error.name, "DeviceError");
      assert.ok(
        error.message.includes(`not finite first is the weight ${name}`),
        error.message,
      );
      assert.match(error.message, /The last \d+ updates were left out/);
      return true;
    },
  );
  Deno.removeSync(parent, { recursive: true });
});

Deno.test("a loss that overflows is told from a weight that is not finite", async () => {
  const parent = Deno.makeTempDirSync();
  const base = await savedModel(parent);
  const path = join(base, "model.safetensors");
  const bytes = Deno.readFileSync(path);
  const header = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const json = JSON.parse(new TextDecoder().decode(bytes.subarray(8, header)));
  const view = new DataView(bytes.buffer);
  for (const [name, spec] of Object.entries<{ data_offsets: number[] }>(json)) {
    if (!name.includes("o_proj") && !name.includes("v_proj")) continue;
    for (let at = spec.data_offsets[0]; at < spec.data_offsets[1]; at += 4) {
      view.setFloat32(header + at, 3e38, true);
    }
  }
  Deno.writeFileSync(path, bytes);
  const { model: _, ...run } = tinyRun(join(parent, "run"), {
    backend: "cpu",
    training: { epochs: 100, batch_size: 2, max_skipped_updates: 2 },
  });
  await assert.rejects(
    () => runConfig({ ...run, model: { path: base } }),
    /not finite first is the (loss|gradient)/,
  );
  Deno.removeSync(parent, { recursive: true });
});
