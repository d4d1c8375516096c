import assert from "node:assert/strict";
import { join } from "node:path";
import { listCheckpoints } from "../../../../core/run/saving/checkpoint.ts";
import { parseCheckpointState } from "../../../../core/run/saving/checkpoint_state.ts";
import { isObject, type JsonObject } from "../../../../core/io/json_file.ts";
import {
  runConfig,
  testFolder,
  tinyRows,
  tinyRun,
  weightBytes,
} from "../../../run_harness.ts";

/** `state.json` of an interrupted run. */
async function stoppedRun(
  folder: ReturnType<typeof testFolder>,
  name: string,
  streaming: boolean,
) {
  const config = tinyRun(folder.at(name), {
    data: {
      train: [{ rows: tinyRows(20), format: "alpaca" }],
      template: { use: "plain", separator: "\n" },
      streaming,
    },
    training: { epochs: 1, batch_size: 2, max_steps: 6, logging_steps: 2 },
  });
  const stop = new AbortController();
  await runConfig(config, {
    signal: stop.signal,
    onEvent: (event) =>
      event.event === "step" && event.step === 2 && stop.abort(),
  });
  const checkpoint = listCheckpoints(folder.at(name)).at(-1)?.path ?? "";
  const path = join(checkpoint, "state.json");
  const read = (): JsonObject => JSON.parse(Deno.readTextFileSync(path));
  const write = (state: unknown) => {
    Deno.writeTextFileSync(path, JSON.stringify(state));
    Deno.removeSync(join(checkpoint, "checksums.json"));
  };
  return { config, path, read, write };
}

/** A copy without the value at a path of keys. */
function without(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (!isObject(value)) return value;
  const { [key]: inner, ...others } = value;
  return rest.length === 0
    ? others
    : { ...others, [key]: without(inner, rest) };
}

Deno.test("a checkpoint from before the loss had metrics of its own, or epochs a time, is resumed to the same bits", async () => {
  using folder = testFolder();
  const { config, read, write } = await stoppedRun(folder, "old", false);
  let state: unknown = read();
  for (
    const path of [["state", "window", "metrics"], ["state", "epochSeconds"], [
      "stream",
    ]]
  ) state = without(state, path);
  write(state);
  const { result } = await runConfig(config);
  assert.equal(result.status, "done");
  const whole = await runConfig({ ...config, output_dir: folder.at("whole") });
  assert.equal(whole.result.status, "done");
  assert.deepEqual(
    weightBytes(folder.at("old")),
    weightBytes(folder.at("whole")),
  );
});

Deno.test("a checkpoint of a stream whose position says nothing of used rows is refused, with the way out", async () => {
  using folder = testFolder();
  const { config, read, write } = await stoppedRun(folder, "old", true);
  write(without(read(), ["stream", "used"]));
  await assert.rejects(runConfig(config), {
    name: "DataError",
    message:
      /state\.json was written by an older denotune.*training\.resume=never/,
  });
});

Deno.test("an edited state is refused, naming the value, whichever it is", async () => {
  using folder = testFolder();
  const { path, read } = await stoppedRun(folder, "a", true);
  const wrong = ["x", -1, 0.5, true, [], {}, [{}]];
  let tried = 0;
  const visit = (value: unknown, at: readonly string[]): void => {
    if (isObject(value)) {
      for (const [key, inner] of Object.entries(value)) {
        visit(inner, [...at, key]);
      }
    }
    const [top, ...rest] = at;
    if (top === undefined || top === "config" || rest.includes("counts")) {
      return;
    }
    for (const other of [undefined, ...wrong]) {
      const set = (of: unknown, [key, ...more]: readonly string[]): unknown =>
        isObject(of)
          ? { ...of, [key]: more.length === 0 ? other : set(of[key], more) }
          : of;
      const edited = JSON.parse(JSON.stringify(set(read(), at)));
      tried++;
      try {
        parseCheckpointState(edited, path);
      } catch (error) {
        assert.ok(error instanceof Error && error.name === "DataError");
        assert.ok(error.message.includes(path));
        assert.ok(error.message.length < 600);
      }
    }
  };
  visit(read(), []);
  assert.ok(tried > 300, `${tried}`);
  assert.throws(
    () =>
      parseCheckpointState({
        ...read(),
        state: { ...Object(read().state), step: "7" },
      }, path),
    /state\.json: state\.step: .*expected/,
  );
});
