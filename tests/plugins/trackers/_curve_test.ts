import assert from "node:assert/strict";
import { LineCurve } from "../../../plugins/trackers/_curve.ts";

Deno.test("a falling loss falls from left to right, however many steps there are", () => {
  for (const count of [8, 100, 5000, 200_000]) {
    const curve = new LineCurve();
    for (let i = 0; i < count; i++) curve.add(1 - i / count);
    assert.equal(curve.text(8), "█▇▆▅▄▃▂▁", String(count));
  }
});

Deno.test("a short curve is as wide as it is long, a level one is a line, one value is none", () => {
  const curve = new LineCurve();
  curve.add(2);
  assert.equal(curve.text(10), "");
  curve.add(2);
  curve.add(2);
  assert.equal(curve.text(10), "▁▁▁");
  curve.add(4);
  assert.equal(curve.text(10), "▁▁▁█");
});
