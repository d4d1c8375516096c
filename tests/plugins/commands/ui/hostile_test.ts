/**
 * What a page is sent by others: names, prompts and figures that want to be more than text, and requests of other sites.
 */
import assert from "node:assert/strict";
import { startUi } from "../../../../plugins/commands/ui/command.ts";
import { testFolder } from "../../../run_harness.ts";
import {
  IN_BROWSER,
  openBrowser,
  openPage,
  startLine,
  stepLine,
  viewOf,
  writeRun,
} from "./_browser.ts";

const EVIL =
  `<img src=x onerror="globalThis.hacked=1"><script>hacked=1</script>"'\`\${7*7}`;
const STEERING = "\u0000\u0007\u001b[31m\u202egnp.exe\u2066\r\u0085";

function line(event: string, more: object): string {
  return JSON.stringify({ event, step: 2, epoch: 0, time: 1, ...more }) + "\n";
}

Deno.test({
  name:
    "hostile names, prompts, settings, batches and figures are shown as text, however long",
  ...IN_BROWSER,
  fn: async () => {
    using folder = testFolder();
    const name = "<b onclick=hacked=1>run\u001b[31m\u202e & 'x'";
    const long = "x".repeat(10_000_000);
    const path = writeRun(folder.path, name, {
      settings: `seed: ${JSON.stringify(EVIL)}\n${
        JSON.stringify(EVIL)
      }: 1\nmodel: ${JSON.stringify(STEERING)}\n`,
      lines: [
        startLine({
          model: EVIL,
          adapter: STEERING,
          template: EVIL,
          device: EVIL,
        }),
        stepLine(1, {
          loss: 1e308,
          grad_norm: -1e300,
          learning_rate: 1e-320,
          source_losses: { [EVIL]: 3, [STEERING]: 2, ["y".repeat(5000)]: 1 },
          metrics: { [EVIL]: 3 },
          tokens_per_second: EVIL,
        }),
        stepLine(2, { source_losses: { [EVIL]: 2.5 }, metrics: { [EVIL]: 1 } }),
        stepLine(3, { loss: null, grad_norm: 1e15, learning_rate: 0 }),
        line("sample", { at: EVIL, index: EVIL, prompt: EVIL, text: STEERING }),
        line("sample", { at: "eval", index: 0, prompt: "long", text: long }),
        line("sample", { at: 7, index: {}, prompt: { a: 1 }, text: null }),
        line("eval", { eval_loss: EVIL, [`eval_${EVIL}`]: 3 }),
        line("eval", { eval_loss: 1e308, eval_seconds: "no" }),
        line("notice", { level: EVIL, message: EVIL + STEERING }),
        line(EVIL, { anything: [[[[[[[[[[1]]]]]]]]]] }),
        line("save", { kind: EVIL, path: STEERING, removed: 3 }),
        line("end", { status: "failed", error: EVIL, seconds: 1 }),
        '{"event":"step","step":4,"loss":',
      ],
    });
    Deno.writeTextFileSync(
      `${path}/batch.json`,
      JSON.stringify({
        step: 2,
        micro_batch: 1,
        micro_batches: 1,
        batch_rows: 1,
        batch_tokens: 3,
        rows: [{
          examples: [{ source: EVIL, where: EVIL }],
          ids: [1, 2, 3],
          texts: [EVIL, STEERING, "</span>"],
          weights: [0, 1, 1e300],
          roles: [EVIL, "assistant", "__proto__"],
          segments: [1, 1, 1],
          losses: [null, 1e300, -5],
        }],
      }),
    );
    writeRun(folder.path, "other", {
      lines: [startLine(), stepLine(1), stepLine(2)],
      settings: `seed: 2\n`,
    });
    await using browser = await openBrowser();
    await using ui = await startUi({ folder: folder.path, port: 0 });
    for (
      const view of [
        "/",
        `/run/${encodeURIComponent(name)}`,
        `/compare/${encodeURIComponent(name)}/other`,
      ]
    ) {
      const { page, errors } = await openPage(browser, viewOf(ui, view));
      await page.locator("h1").waitFor();
      await page.waitForTimeout(800);
      assert.equal(await page.evaluate("globalThis.hacked"), undefined);
      assert.equal(
        await page.locator("img, main script, [onclick], [onerror]").count(),
        0,
      );
      const text = await page.locator("main").innerText();
      assert.match(text, /<b onclick=hacked=1>run␛\[31m\\u202e & 'x'/);
      // deno-lint-ignore no-control-regex -- what may not be shown
      assert.doesNotMatch(text, /[\u0000-\u0008\u001b\u202e\u2066\u0085]/);
      const html = await page.content();
      assert.ok(html.length < 400_000, `${view}: ${html.length} characters`);
      assert.deepEqual(errors, [], view);
      await page.close();
    }
  },
});

Deno.test({
  name:
    "another site in the same browser cannot write, nor read by a name of its own (CSRF, DNS rebinding)",
  ...IN_BROWSER,
  fn: async () => {
    using folder = testFolder();
    const path = writeRun(folder.path, "run", {
      lines: [startLine(), stepLine(1)],
      running: true,
    });
    await using ui = await startUi({ folder: folder.path, port: 0 });
    // the other site knows everything but the token; and even with it, it is another site
    const target = `http://127.0.0.1:${ui.port}/api/stop`;
    const attack = `<!doctype html><title>evil</title>
      <form id="f" method="post" enctype="text/plain" target="t" action="${target}">
      <input name='{"name":"run","x":"' value='"}'></form><iframe name="t"></iframe>
      <script>
      const body = JSON.stringify({ name: "run" });
      const token = { "x-denotune-token": "${ui.token}" };
      globalThis.tried = (async () => {
        const said = [];
        for (const options of [
          { mode: "no-cors", headers: { "content-type": "text/plain" } },
          { headers: { "content-type": "application/json", ...token } },
          { headers: { "content-type": "application/json" }, credentials: "include" },
        ]) {
          try {
            const answer = await fetch("${target}", { method: "POST", body, ...options });
            said.push(answer.type + " " + answer.status);
          } catch { said.push("refused"); }
        }
        try { await (await fetch("http://127.0.0.1:${ui.port}/api/runs")).json(); said.push("read"); }
        catch { said.push("refused"); }
        document.getElementById("f").submit();
        await new Promise((done) => setTimeout(done, 500));
        return said;
      })();
      </script>`;
    await using site = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => new Response(attack, { headers: { "content-type": "text/html" } }),
    );
    await using browser = await openBrowser([
      "--host-resolver-rules=MAP evil.example 127.0.0.1",
    ]);
    const wasWritten = () => {
      try {
        return Deno.statSync(`${path}/stop.request`).isFile;
      } catch {
        return false;
      }
    };
    const { page } = await openPage(
      browser,
      `http://evil.example:${site.addr.port}/`,
    );
    const said = await page.evaluate("globalThis.tried");
    assert.deepEqual(said, ["refused", "refused", "refused", "refused"]);
    assert.equal(wasWritten(), false);
    // rebound: its own name leads to the page's server
    const rebound = await openPage(
      browser,
      `http://evil.example:${ui.port}/api/runs`,
    );
    assert.equal(
      await rebound.page.locator("body").innerText(),
      "This page is only for this machine",
    );
    const written = await rebound.page.evaluate(
      `fetch("/api/stop", {method: "POST", body: '{"name":"run"}', headers: {"content-type": "application/json", "x-denotune-token": "${ui.token}"}}).then((answer) => answer.status)`,
    );
    assert.equal(written, 403);
    assert.equal(wasWritten(), false);
    // the page itself can
    const own = await openPage(browser, viewOf(ui, "/run/run"));
    await own.page.getByRole("button", { name: "Stop and save" }).click();
    await own.page.getByText("It stops after this step").waitFor();
    assert.equal(wasWritten(), true);
    // and without the token its buttons are off, and say why
    const without = await openPage(
      browser,
      `http://127.0.0.1:${ui.port}/#/run/run`,
    );
    await without.page.evaluate("sessionStorage.clear()");
    await without.page.reload();
    await without.page.getByText("Buttons need the address with the token")
      .waitFor();
    assert.equal(
      await without.page.getByRole("button", { name: "Stop and save" })
        .isDisabled(),
      true,
    );
  },
});

Deno.test("the server listens on loopback only, and names of runs lead nowhere else", async () => {
  using folder = testFolder();
  writeRun(folder.path, "run", { lines: [startLine()] });
  Deno.writeTextFileSync(folder.at("secret.txt"), "secret");
  await using ui = await startUi({ folder: folder.path, port: 0 });
  const others = Deno.networkInterfaces().filter(({ address, family }) =>
    family === "IPv4" && !address.startsWith("127.")
  );
  for (const { address } of others) {
    await assert.rejects(
      Deno.connect({ hostname: address, port: ui.port }),
      address,
    );
  }
  const base = `http://127.0.0.1:${ui.port}`;
  for (
    const path of [
      "/api/run?name=../run",
      "/api/run?name=/etc",
      "/api/batch?name=..%2f..",
      "/data-report?name=%00",
      "/../secret.txt",
      "/secret.txt",
      "/api/curves?name=constructor",
    ]
  ) {
    const answer = await fetch(base + path);
    assert.equal(answer.status, 404, path);
    assert.doesNotMatch(await answer.text(), /secret"/);
  }
  const odd = await fetch(
    `${base}/api/curves?name=run&column=loss&column=__proto__&buckets=1e9&from=abc&smooth=7`,
  );
  assert.equal(odd.status, 200);
  await odd.body?.cancel();
});
