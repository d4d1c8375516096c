import assert from "node:assert/strict";
import { chartsPackage } from "../../../../plugins/commands/ui/charts_package.ts";

const FILE = "plugins/commands/ui/charts_package.ts";

Deno.test("the files of uPlot are found in a checkout, and in a published package, where specifiers begin with npm:", async () => {
  const found = await chartsPackage();
  assert.match(found?.script ?? "", /uPlot=function/);
  assert.match(found?.style ?? "", /\.uplot/);
  // as publishing rewrites them
  const { imports } = JSON.parse(Deno.readTextFileSync("deno.json"));
  const source = Deno.readTextFileSync(FILE)
    .replaceAll('"uplot"', `"${imports.uplot}"`)
    .replaceAll('"uplot/', `"${imports.uplot}/`);
  const folder = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${folder}/published.ts`, source);
    const { chartsPackage: published } = await import(
      `file://${folder}/published.ts`
    );
    assert.deepEqual(await published(), found);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
