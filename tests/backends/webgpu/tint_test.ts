/**
 * The other compiler of WGSL: Deno's (naga) takes control flow that the specification refuses, browsers and other
 * runtimes do not.
 */
import assert from "node:assert/strict";
import { Chromium, chromiumPath, chromiumTitle } from "./_chromium.ts";
import { suiteShaders } from "./_shaders.ts";
import { tintErrors } from "./_tint.ts";

Deno.test({
  name: chromiumTitle(
    "every shader that the suite of backends makes compiles with Tint",
  ),
  ignore: chromiumPath === null,
  async fn() {
    const shaders = suiteShaders();
    await using page = await Chromium.open();
    const errors = await tintErrors(page, shaders.map(({ wgsl }) => wgsl));
    const refused = shaders.flatMap(({ name, adapter, test }, i) =>
      errors[i] === null ? [] : [`${name}, ${test}, ${adapter}: ${errors[i]}`]
    );
    assert.equal(
      refused.length,
      0,
      `${refused.length} of ${shaders.length} are refused:\n${
        refused.slice(0, 10).join("\n")
      }`,
    );
  },
});
