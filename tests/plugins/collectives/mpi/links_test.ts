/**
 * Ranks on hosts of their own (network namespaces), joined by a slow link. All of it runs only where every case is
 * asked for.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { haveNamespaces, Hosts } from "../../../network_namespaces.ts";
import { testFolder } from "../../../run_harness.ts";
import { launchers } from "./_launch.ts";
import { assertStepsOfOne, linesOf } from "./_lines.ts";
import { RUNS } from "./_runs.ts";
import {
  assertWhole,
  named,
  trainWords,
  watchTraining,
  writeRun,
} from "./_train.ts";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const RANK = fileURLToPath(new URL("_rank.ts", import.meta.url));
const found = ALL && await haveNamespaces() ? launchers() : [];

for (const { name, path } of found) {
  for (const rate of ["100mbit", "1gbit"]) {
    Deno.test(`2 ranks of ${name} joined by ${rate} make the steps of one process, and have the same bits`, async () => {
      using folder = testFolder();
      await using hosts = new Hosts();
      await hosts.link(rate);
      const names = Object.keys(RUNS);
      const { code, stdout, stderr } = await hosts.command(
        path,
        `${Deno.execPath()} run -A --no-check ${RANK} ${
          folder.at("ranks")
        } 50 {} ${names.join(" ")}`,
      ).output();
      const [out, err] = [stdout, stderr].map((of) =>
        new TextDecoder().decode(of)
      );
      assert.equal(code, 0, out + err);
      await assertStepsOfOne(linesOf(out), {
        names,
        world: 2,
        steps: 50,
        folder,
      });
    });
  }

  Deno.test(`${name}: a link that is cut ends the ranks on both sides within 30 seconds, each naming the newest checkpoint`, async () => {
    using folder = testFolder();
    await using hosts = new Hosts();
    await hosts.link("1gbit");
    const out = folder.at("out");
    const words = trainWords([writeRun(folder)], out).join(" ");
    // what the launcher passes on is cut too
    Deno.writeTextFileSync(
      folder.at("rank.sh"),
      `exec ${Deno.execPath()} run -A --no-check ${words} > ${
        folder.at("said")
      }-$(hostname) 2>&1\n`,
    );
    const training = watchTraining(
      hosts.command(path, `sh ${folder.at("rank.sh")}`).spawn(),
      out,
    );
    await training.saved();
    const from = performance.now();
    await hosts.cut();
    while (training.pids().length > 0 && performance.now() - from < 60_000) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const seconds = (performance.now() - from) / 1000;
    assert.ok(seconds < 30, `${seconds} s`);
    for (const host of hosts.names) {
      const said = Deno.readTextFileSync(`${folder.at("said")}-${host}`);
      assert.match(said, /gave no sign of life|failed: /);
      assert.equal(named(said, out), 1, said);
    }
    assertWhole(out);
    // a launcher may go on waiting for the other host
    await hosts.end();
    await training.child.status;
  });
}
