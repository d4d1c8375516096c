import assert from "node:assert/strict";
import { shareOf } from "../../../../core/engine/ranks/shard.ts";

Deno.test("shares cover an arena without a gap, whatever its size and the number of ranks", () => {
  for (const elements of [1, 63, 64, 65, 1000, 4096, 70_001]) {
    for (const world of [1, 2, 3, 7, 64]) {
      let end = 0;
      for (let rank = 0; rank < world; rank++) {
        const { offset, width, most } = shareOf(elements, { rank, world });
        assert.equal(offset, end);
        assert.ok(width >= 0 && width <= most);
        end += width;
      }
      assert.equal(end, elements);
    }
  }
});
