import assert from "node:assert/strict";
import { join } from "node:path";
import { listCheckpoints } from "../../../../core/run/saving/checkpoint.ts";
import { runConfig, tinyRun } from "../../../run_harness.ts";

/** Flips one bit in the middle of a file. */
function flip(path: string): void {
  const bytes = Deno.readFileSync(path);
  bytes[bytes.length >> 1] ^= 4;
  Deno.writeFileSync(path, bytes);
}

for (
  const name of ["model.safetensors", "optimizer.safetensors", "state.json"]
) {
  Deno.test(`a flipped bit in ${name} is found; the older checkpoint is named and goes on to the same bits`, async () => {
    const parent = Deno.makeTempDirSync();
    const output = join(parent, "run");
    const config = tinyRun(output, {
      training: {
        epochs: 1,
        batch_size: 2,
        max_steps: 6,
        save_steps: 2,
        save_total_limit: null,
      },
    });
    const stop = new AbortController();
    await runConfig(config, {
      signal: stop.signal,
      onEvent: (event) =>
        event.event === "save" && event.step === 4 && stop.abort(),
    });
    const steps = listCheckpoints(output).map(({ step }) => step);
    assert.deepEqual(steps.slice(0, 2), [2, 4]);
    const newest = join(output, `checkpoint-${steps.at(-1)}`);
    const older = join(output, `checkpoint-${steps.at(-2)}`);
    flip(join(newest, name));
    await assert.rejects(
      () => runConfig(config),
      (error: Error) => {
        assert.equal(error.name, "DataError");
        assert.ok(error.message.includes(join(newest, name)), error.message);
        assert.ok(error.message.includes(`training.resume=${older}`));
        return true;
      },
    );
    const { result } = await runConfig(config, {
      overrides: [`training.resume=${older}`],
    });
    assert.equal(result.status, "done");
    const whole = join(parent, "whole");
    await runConfig({ ...config, output_dir: whole });
    assert.deepEqual(
      Deno.readFileSync(join(output, "model.safetensors")),
      Deno.readFileSync(join(whole, "model.safetensors")),
    );
    Deno.removeSync(parent, { recursive: true });
  });
}
