/** Dynamic loss scaling beside PyTorch's GradScaler (`golden/loss_scale.json`): 400 runs of finite and other steps. */
import assert from "node:assert/strict";
import {
  freshLossScale,
  nextLossScale,
} from "../../../../core/engine/update/loss_scaler.ts";
import golden from "../../../golden/loss_scale.json" with { type: "json" };

Deno.test("a run begins at the scale of PyTorch's GradScaler", () => {
  assert.deepEqual(freshLossScale(), { scale: 65536, goodSteps: 0 });
});

Deno.test("the scale grows, backs off and stays as PyTorch's GradScaler decides", () => {
  for (const { interval, first, finite, changes, last, updates } of golden) {
    let state = { scale: 2 ** first, goodSteps: 0 };
    const found: number[][] = [];
    for (const [step, good] of [...finite].entries()) {
      const power = Math.log2(state.scale);
      if (found.at(-1)?.[1] !== power) found.push([step, power]);
      state = nextLossScale(state, good === "1", interval);
    }
    assert.deepEqual(found, changes);
    assert.equal(Math.log2(state.scale), last);
    assert.equal([...finite].filter((good) => good === "1").length, updates);
  }
});

Deno.test("a scale stays for 2,000 updates, and a scale that would be infinite does not grow", () => {
  let state = freshLossScale();
  for (let step = 0; step < 1999; step++) state = nextLossScale(state, true);
  assert.equal(state.scale, 2 ** 16);
  assert.deepEqual(nextLossScale(state, true), {
    scale: 2 ** 17,
    goodSteps: 0,
  });
  assert.deepEqual(
    nextLossScale({ scale: 2 ** 127, goodSteps: 1999 }, true),
    { scale: 2 ** 127, goodSteps: 0 },
  );
});
