import assert from "node:assert/strict";
import {
  isProjectFolder,
  isWithin,
} from "../../../../core/config/trust/own_folder.ts";
import { testFolder } from "../_parts.ts";

Deno.test("a file is within a folder wherever it really is: `..` and links out are not, links in are", () => {
  using folder = testFolder({ "run/a.ts": "", "out.ts": "", "runs/b.ts": "" });
  const at = (path: string) => `${folder.path}/${path}`;
  Deno.symlinkSync(at("out.ts"), at("run/link.ts"));
  Deno.symlinkSync(at("run"), at("linked"));
  assert.ok(isWithin(at("run/a.ts"), at("run")));
  assert.ok(isWithin(at("linked/a.ts"), at("run")));
  assert.ok(isWithin(at("run/a.ts"), at("linked")));
  assert.ok(!isWithin(at("run/link.ts"), at("run")), "a link out of it");
  assert.ok(!isWithin(at("run/../out.ts"), at("run")));
  assert.ok(!isWithin(at("runs/b.ts"), at("run")), "a name that begins alike");
  assert.ok(!isWithin(at("run"), at("run")));
  assert.ok(!isWithin(at("gone.ts"), at("run")));
});

Deno.test("the root, the home folder and what is above it are nobody's project", () => {
  using folder = testFolder({ "home/me/project/run.yaml": "" });
  const home = `${folder.path}/home/me`;
  for (const broad of ["/", home, `${folder.path}/home`, folder.path]) {
    assert.ok(!isProjectFolder(broad, home), broad);
  }
  assert.ok(isProjectFolder(`${home}/project`, home));
  assert.ok(isProjectFolder(`${home}/project`, undefined));
});
