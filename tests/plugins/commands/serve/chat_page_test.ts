/**
 * The page at `/` in Chromium, before a server that answers as ours does.
 */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { chatPage } from "../../../../plugins/commands/serve/page/chat_page.ts";
import { IN_BROWSER, openBrowser, openPage } from "../ui/_browser.ts";

/** Where pictures go; absent: none is taken. */
const PICTURES = Deno.env.get("DENOTUNE_TEST_PICTURES");

const HOSTILE =
  "<img src=x onerror=alert(1)><script>alert(2)</script>\u001b[2J \u202eevil\u202c </p></article>";

interface Sent {
  readonly model: string;
  readonly messages: readonly { readonly role: string; content: string }[];
  readonly temperature: number;
  readonly max_tokens: number;
  readonly stream: boolean;
}

/** A server of the page, whose answers a test writes. */
function serving(
  answer: (sent: Sent, signal: AbortSignal) => AsyncGenerator<unknown>,
  { key = null }: { key?: string | null } = {},
): AsyncDisposable & { readonly url: string; readonly sent: Sent[] } {
  const sent: Sent[] = [];
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/") {
        return new Response(chatPage(), {
          headers: { "content-type": "text/html; charset=utf-8" },
        });
      }
      if (pathname === "/favicon.ico") {
        return new Response(null, { status: 204 });
      }
      if (
        key !== null && request.headers.get("authorization") !== `Bearer ${key}`
      ) {
        return Response.json({ error: { message: "A key is needed" } }, {
          status: 401,
        });
      }
      if (pathname === "/v1/models") {
        return Response.json({
          data: [{ id: "base" }, { id: "a-run-with-a-rather-long-name" }],
        });
      }
      const asked: Sent = await request.json();
      sent.push(asked);
      if (asked.messages.at(-1)?.content === "busy") {
        return Response.json({ error: { message: "The queue is full" } }, {
          status: 429,
          headers: { "retry-after": "3" },
        });
      }
      const encoder = new TextEncoder();
      return new Response(
        ReadableStream.from((async function* () {
          for await (const delta of answer(asked, request.signal)) {
            yield encoder.encode(
              `data: ${JSON.stringify({ choices: [delta] })}\n\n`,
            );
          }
          yield encoder.encode("data: [DONE]\n\n");
        })()),
        { headers: { "content-type": "text/event-stream" } },
      );
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    sent,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const content = (text: string) => ({ delta: { content: text } });

/** Says a message and waits until its answer has ended. */
async function say(page: Page, text: string): Promise<void> {
  await page.fill("#message", text);
  await page.press("#message", "Enter");
  await page.waitForSelector("#send:visible");
}

async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES !== undefined) {
    await page.screenshot({ path: `${PICTURES}/${name}.png` });
  }
}

const ANSWER = `A list, as it was written:

- **one** and \`two\`
- three

${"A long line of words that is wrapped where the page ends. ".repeat(5)}`;

/** Waits until an expression is true in the page; its policy refuses what `waitForFunction` compiles. */
async function until(page: Page, expression: string): Promise<void> {
  for (let i = 0; i < 1200; i++) {
    if (await page.evaluate(expression)) return;
    await page.waitForTimeout(50);
  }
  assert.fail(`The page never came to ${expression}`);
}

Deno.test({
  ...IN_BROWSER,
  name:
    "the page talks, shows thoughts and tool calls apart, and fits a desk and a phone, light and dark",
  fn: async () => {
    await using server = serving(async function* ({ messages }) {
      if (messages.at(-1)?.content === "weather") {
        yield { delta: { reasoning_content: "They want the weather." } };
        yield {
          delta: {
            tool_calls: [{
              index: 0,
              id: "1",
              function: { name: "weather", arguments: '{"city":' },
            }],
          },
        };
        yield {
          delta: {
            tool_calls: [{ index: 0, function: { arguments: '"Paris"}' } }],
          },
        };
        yield { delta: {}, finish_reason: "tool_calls" };
        return;
      }
      for (const word of ANSWER.match(/\S+\s*|\s+/g) ?? []) yield content(word);
      yield { delta: {}, finish_reason: "length" };
    });
    await using browser = await openBrowser();
    for (const width of [1280, 390]) {
      for (const dark of [false, true]) {
        const { page, errors } = await openPage(browser, server.url, {
          width,
          dark,
        });
        await until(
          page,
          "document.querySelectorAll('#model option').length === 2",
        );
        await picture(page, `empty-${width}-${dark ? "dark" : "light"}`);
        await page.click("summary");
        await page.fill("#system", "Be brief.");
        await page.fill("#temperature", "0.5");
        await page.click("summary");
        await page.selectOption("#model", { index: 1 });
        server.sent.length = 0;
        await say(page, "Hello\nworld");
        assert.equal(
          await page.locator(".turn.assistant .said").innerText(),
          ANSWER,
        );
        await say(page, "weather");
        const last = page.locator(".turn.assistant").last();
        assert.match(await last.innerText(), /weather\(\{"city":"Paris"\}\)/);
        assert.equal(await last.locator(".thoughts").count(), 1);
        const [first, second] = server.sent;
        assert.deepEqual(first, {
          model: "a-run-with-a-rather-long-name",
          messages: [
            { role: "system", content: "Be brief." },
            { role: "user", content: "Hello\nworld" },
          ],
          temperature: 0.5,
          max_tokens: 512,
          stream: true,
        });
        assert.deepEqual(second.messages.map(({ role }) => role), [
          "system",
          "user",
          "assistant",
          "user",
        ]);
        assert.equal(second.messages[2].content, ANSWER);
        // neither the page nor a turn is wider than the screen, and the foot is seen
        const wide = await page.evaluate<number>(
          "document.documentElement.scrollWidth",
        );
        assert.ok(wide <= width, `${wide} > ${width}`);
        const foot = await page.locator("#message").boundingBox();
        assert.ok(foot !== null && foot.y + foot.height <= 900);
        await picture(page, `talk-${width}-${dark ? "dark" : "light"}`);
        assert.deepEqual(errors, []);
        await page.close();
      }
    }
  },
});

Deno.test({
  ...IN_BROWSER,
  name: "what a model writes is text, whatever it is",
  fn: async () => {
    await using server = serving(async function* () {
      yield { delta: { reasoning_content: HOSTILE } };
      yield content(HOSTILE);
      yield { delta: {}, finish_reason: "stop" };
    });
    await using browser = await openBrowser();
    const { page, errors } = await openPage(browser, server.url);
    await say(page, HOSTILE);
    const said = await page.locator(".turn.assistant .said").innerText();
    assert.match(said, /<img src=x onerror=alert\(1\)>/);
    assert.match(said, /\\u001b\[2J \\u202eevil/);
    assert.equal(await page.locator("#log img, #log script").count(), 0);
    assert.deepEqual(errors, []);
  },
});

Deno.test({
  ...IN_BROWSER,
  name:
    "an answer can be stopped, a refusal is shown, and the message comes back",
  fn: async () => {
    let hungUp = 0;
    await using server = serving(async function* (_, signal) {
      try {
        // without an end: only the page's stop ends it, however slow the machine is
        for (let i = 0; !signal.aborted; i++) {
          yield content(`word${i} `);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      } finally {
        hungUp++; // by the signal, or because Deno has cancelled the stream before
      }
    });
    await using browser = await openBrowser();
    const { page } = await openPage(browser, server.url);
    await page.fill("#message", "Go on");
    await page.press("#message", "Enter");
    await until(
      page,
      "document.querySelector('.turn.assistant .said')?.textContent.length > 20",
    );
    await page.keyboard.press("Escape");
    await page.waitForSelector(".turn.assistant .end");
    await page.waitForSelector("#send:visible");
    assert.match(
      await page.locator(".turn.assistant").innerText(),
      /word0 .*Stopped\.$/s,
    );
    await say(page, "busy");
    await page.waitForSelector("#problem:visible");
    assert.match(
      await page.locator("#problem").innerText(),
      /429: The queue is full \(again in 3 s\)/,
    );
    assert.equal(await page.inputValue("#message"), "busy");
    assert.equal(await page.locator(".turn").count(), 2);
    await page.click("#new");
    assert.equal(await page.locator(".turn").count(), 0);
    // the server hears of it after the page does
    for (let i = 0; i < 1000 && hungUp === 0; i++) {
      await page.waitForTimeout(20);
    }
    assert.equal(hungUp, 1);
  },
});

Deno.test({
  ...IN_BROWSER,
  name: "a server with a key asks for it",
  fn: async () => {
    await using server = serving(async function* () {
      yield content("Yes.");
    }, { key: "secret" });
    await using browser = await openBrowser();
    const { page } = await openPage(browser, server.url);
    await page.waitForSelector("#problem:visible");
    assert.match(await page.locator("#problem").innerText(), /A key is needed/);
    await page.fill("#key", "secret");
    await page.press("#key", "Tab");
    await until(
      page,
      "document.querySelectorAll('#model option').length === 2",
    );
    assert.equal(await page.locator("#problem").isVisible(), false);
    await say(page, "Hello");
    assert.equal(
      await page.locator(".turn.assistant .said").innerText(),
      "Yes.",
    );
  },
});
