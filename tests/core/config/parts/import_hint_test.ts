import assert from "node:assert/strict";
import { importHint } from "../../../../core/config/parts/import_hint.ts";

Deno.test("a name that nothing maps is named, with both ways out", () => {
  const said = [
    'Import "zod" not a dependency\n  hint: If you want to use the npm package, try running `deno add npm:zod`\n    at file:///x/mod.ts:8:19',
    'Relative import path "zod" not prefixed with / or ./ or ../\n    at file:///x/mod.ts:8:19',
  ];
  for (const message of said) {
    assert.equal(
      importHint(message),
      '\nNothing here maps "zod" to a package: the plugin can name it in full ("npm:zod"), or start denotune as jsr:@denotune/denotune in the folder whose deno.json has it',
    );
  }
});

Deno.test("other reasons get no hint", () => {
  assert.equal(importHint('Module not found "file:///x/a.ts".'), "");
});
