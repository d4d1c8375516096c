import assert from "node:assert/strict";
import { launch, launchers } from "./_launch.ts";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

for (const launcher of launchers().slice(0, ALL ? undefined : 1)) {
  // longer than the watch waits between two looks at its messages
  Deno.test(`${launcher.name}: a rank whose training ends later than another's ends its watch too`, async () => {
    const { code, out, err } = await launch(launcher, 2, ["_watch.ts", "700"]);
    assert.equal(code, 0, out + err);
    assert.equal(out.match(/ended/g)?.length, 2, out + err);
  });
}
