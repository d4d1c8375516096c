import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { HubOptions } from "../../../../core/io/hub/access.ts";
import { fetchModel } from "../../../../core/io/hub/fetch_model.ts";
import { type FakeHub, startHub } from "../../../hub_server.ts";
import { type Cache, filesIn, noise, testCache } from "./_support.ts";

const ID = { id: "owner/name", revision: "main" };
const WEIGHTS = noise(400_000);
const SHA = createHash("sha256").update(WEIGHTS).digest("hex");
const REPOSITORY = {
  files: { "config.json": "{}", "model.safetensors": WEIGHTS },
};

async function withHub(
  test: (hub: FakeHub, cache: Cache) => Promise<void>,
): Promise<void> {
  await using hub = startHub({ "owner/name": REPOSITORY });
  using cache = testCache();
  await test(hub, cache);
}

async function fetched(options: HubOptions): Promise<Uint8Array> {
  const { folder } = await fetchModel(ID, options);
  return Deno.readFileSync(`${folder}/model.safetensors`);
}

const partial = (cache: Cache) =>
  `${cache.hub}/models--owner--name/blobs/${SHA}.incomplete`;

const ranges = (hub: FakeHub) =>
  hub.seen.filter((s) => s.on === "cdn").map((s) => s.range);

Deno.test("a connection that is cut is gone on with where it stopped", () =>
  withHub(async (hub, cache) => {
    hub.fail({ path: "model.safetensors", on: "cdn", cutAfter: 100_000 });
    hub.fail({ path: "model.safetensors", on: "cdn", cutAfter: 100_000 });
    assert.deepEqual(await fetched(cache.options(hub)), WEIGHTS);
    const [first, second, third] = ranges(hub).map((r) =>
      Number(/\d+/.exec(r ?? "0")?.[0])
    );
    assert.equal(first, 0);
    assert.ok(second > 0 && second <= 100_000, `${second}`);
    assert.ok(third > second && third <= 200_000, `${third}`);
  }));

Deno.test("cuts that each bring something never use up the tries", () =>
  withHub(async (hub, cache) => {
    hub.fail({
      path: "model.safetensors",
      on: "cdn",
      cutAfter: 30_000,
      times: 10,
    });
    assert.deepEqual(await fetched(cache.options(hub)), WEIGHTS);
  }));

Deno.test("a server that knows no ranges is read from the start again", () =>
  withHub(async (hub, cache) => {
    hub.fail({ path: "model.safetensors", on: "cdn", cutAfter: 100_000 });
    hub.fail({ path: "model.safetensors", on: "cdn", ignoreRange: true });
    assert.deepEqual(await fetched(cache.options(hub)), WEIGHTS);
  }));

Deno.test("429 with Retry-After, 500, 503 and a closed door are tried again", () =>
  withHub(async (hub, cache) => {
    hub.fail({
      path: "/api/",
      status: 429,
      headers: { "retry-after": "0.05" },
    });
    hub.fail({ path: "/tree/", status: 500 });
    hub.fail({ path: "/tree/", status: 200, body: "not json" });
    hub.fail({ path: "config.json", on: "hub", status: 503 });
    hub.fail({
      path: "model.safetensors",
      on: "cdn",
      status: 429,
      headers: { "retry-after": new Date().toUTCString() },
    });
    const began = performance.now();
    assert.deepEqual(await fetched(cache.options(hub)), WEIGHTS);
    assert.ok(performance.now() - began >= 50);
  }));

Deno.test("failures that do not pass are given up, with what to do; what arrived is kept", () =>
  withHub(async (hub, cache) => {
    hub.fail({ path: "model.safetensors", on: "cdn", cutAfter: 100_000 });
    hub.fail({ path: "model.safetensors", on: "cdn", status: 500, times: 99 });
    await assert.rejects(fetched(cache.options(hub)), {
      name: "DeviceError",
      message:
        /Cannot download owner\/name\/model\.safetensors from http.* after 4 tries without progress: answered 500.*HF_HUB_OFFLINE=1/,
    });
    const kept = Deno.statSync(partial(cache)).size;
    assert.ok(kept > 0 && kept <= 100_000);
  }));

Deno.test("a wait that is too long is not waited for", () =>
  withHub(async (hub, cache) => {
    hub.fail({
      path: "/api/",
      status: 429,
      headers: { "retry-after": "3600" },
    });
    await assert.rejects(fetched(cache.options(hub)), {
      name: "DeviceError",
      message: /asks to come back in 3600 s/,
    });
  }));

Deno.test("a host that nobody answers at is named", async () => {
  using cache = testCache();
  const hub = startHub({});
  await hub[Symbol.asyncDispose]();
  await assert.rejects(fetched({ ...cache.options(hub), attempts: 2 }), {
    name: "DeviceError",
    message: new RegExp(`from ${hub.endpoint} after 2 tries`),
  });
});

Deno.test("a connection that falls silent is cut and made anew", () =>
  withHub(async (hub, cache) => {
    hub.fail({
      path: "model.safetensors",
      on: "cdn",
      hangAfter: { bytes: 70_000, ms: 3_000 },
    });
    const options = { ...cache.options(hub), stallMs: 150 };
    assert.deepEqual(await fetched(options), WEIGHTS);
    assert.equal(ranges(hub).length, 2);
  }));

/** The requests for the file, and how long a download took that fails with a message. */
async function failing(
  hub: FakeHub,
  options: HubOptions,
  message: RegExp,
): Promise<{ requests: number; ms: number }> {
  const before = ranges(hub).length;
  const began = performance.now();
  await assert.rejects(fetched(options), { name: "DeviceError", message });
  return {
    requests: ranges(hub).length - before,
    ms: performance.now() - began,
  };
}

Deno.test("a server that cuts every answer and ignores ranges is given up after a few tries, in one message", () =>
  withHub(async (hub, cache) => {
    hub.fail({
      path: "model.safetensors",
      on: "cdn",
      cutAfter: 100_000,
      ignoreRange: true,
      times: 1000,
    });
    const { requests } = await failing(
      hub,
      cache.options(hub),
      /^Cannot download owner\/name\/model\.safetensors from http\S+ after 4 tries without progress: .*\. In all, \d tries took \d+ s and brought \d+ bytes; \d+ of 400000 are here\. Try again later .*HF_ENDPOINT.*HF_HUB_OFFLINE=1/,
    );
    assert.ok(requests >= 4 && requests <= 6, `${requests} requests`);
  }));

Deno.test("a server that gets a little further each time, from the start, ends by the bytes that it sends", () =>
  withHub(async (hub, cache) => {
    for (let n = 1; n < 99; n++) {
      hub.fail({
        path: "model.safetensors",
        on: "cdn",
        cutAfter: 4_000 * n,
        ignoreRange: true,
      });
    }
    const { requests } = await failing(
      hub,
      cache.options(hub),
      /after (33 tries|\S+ MB for a file of 400 kB): /,
    );
    assert.ok(requests <= 40, `${requests} requests`);
  }));

Deno.test("a silent server, and one that sends a byte now and then, are waited for no longer than the budget says", () =>
  withHub(async (hub) => {
    const path = "model.safetensors";
    const kinds = [
      { hangAfter: { bytes: 0, ms: 2_000 } },
      { hangAfter: { bytes: 30_000, ms: 2_000 }, ignoreRange: true },
      { slowMs: 20, pieceBytes: 1 },
    ];
    for (const kind of kinds) {
      using own = testCache();
      hub.fail({ path, on: "cdn", times: 6, ...kind });
      const options = {
        ...own.options(hub),
        attempts: 100,
        stallMs: 250,
        patienceMs: 600,
      };
      const { ms, requests } = await failing(
        hub,
        options,
        /after \d+ s without progress: .* of 400000 are here/,
      );
      assert.ok(ms >= 500 && ms < 30_000, `${ms} ms`);
      assert.ok(requests <= 6, `${requests} requests`);
      hub.reset();
    }
  }));

Deno.test("a list that never comes ends by the same budget", () =>
  withHub(async (hub, cache) => {
    hub.fail({ path: "/api/", status: 503, times: 1000 });
    await failing(
      hub,
      { ...cache.options(hub), attempts: 1000, patienceMs: 300, backoffMs: 50 },
      /Cannot list the model owner\/name from .* after 1 s without progress: answered 503/,
    );
  }));

Deno.test("another content than the checksum says is fetched once more, then refused and thrown away", () =>
  withHub(async (hub, cache) => {
    const change = (bytes: Uint8Array) => bytes.with(7, bytes[7] ^ 1);
    hub.fail({ path: "model.safetensors", on: "cdn", change });
    assert.deepEqual(await fetched(cache.options(hub)), WEIGHTS);
    using other = testCache();
    hub.fail({ path: "model.safetensors", on: "cdn", change, times: 9 });
    await assert.rejects(fetched(other.options(hub)), {
      name: "DataError",
      message: /has the checksum [0-9a-f]{64}, its list says [0-9a-f]{64}/,
    });
    assert.ok(!filesIn(other.hub).some((f) => f.endsWith(SHA)));
  }));

Deno.test("small files are held to git's checksum", () =>
  withHub(async (hub, cache) => {
    const change = () => new TextEncoder().encode("[]");
    hub.fail({ path: "config.json", on: "hub", change, times: 2 });
    await assert.rejects(fetched(cache.options(hub)), {
      name: "DataError",
      message: /config\.json: what .* sends has the checksum [0-9a-f]{40}/,
    });
  }));

Deno.test("a damaged part of an earlier try is found out, and the file fetched whole", () =>
  withHub(async (hub, cache) => {
    Deno.mkdirSync(`${cache.hub}/models--owner--name/blobs`, {
      recursive: true,
    });
    Deno.writeFileSync(partial(cache), noise(100_000, 9));
    assert.deepEqual(await fetched(cache.options(hub)), WEIGHTS);
    assert.deepEqual(ranges(hub), ["bytes=100000-", null]);
    using other = testCache();
    Deno.mkdirSync(`${other.hub}/models--owner--name/blobs`, {
      recursive: true,
    });
    Deno.writeFileSync(partial(other), noise(500_000, 9)); // longer than the file
    assert.deepEqual(await fetched(other.options(hub)), WEIGHTS);
  }));

Deno.test("a file of another length than the list says is refused", () =>
  withHub(async (hub, cache) => {
    for (
      const change of [
        (b: Uint8Array) => b.subarray(0, 100),
        (b: Uint8Array) => new Uint8Array([...b, 1, 2, 3]),
      ]
    ) {
      hub.fail({ path: "model.safetensors", on: "cdn", change, times: 4 });
      await assert.rejects(fetched(cache.options(hub)), {
        name: "DeviceError",
        message: /says the file has \d+ bytes, its list says 400000/,
      });
    }
    assert.ok(!filesIn(cache.hub).includes(`models--owner--name/blobs/${SHA}`));
  }));

Deno.test("an answer that runs over its length is stopped", () =>
  withHub(async (hub, cache) => {
    const change = (b: Uint8Array) => new Uint8Array([...b, ...b]);
    hub.fail({ path: "model.safetensors", on: "cdn", change, noLength: true });
    hub.fail({ path: "model.safetensors", on: "cdn", noLength: true });
    assert.deepEqual(await fetched(cache.options(hub)), WEIGHTS);
    assert.deepEqual(ranges(hub), [null, null]);
  }));

Deno.test("a download that is aborted keeps what it has, and the next goes on with it", () =>
  withHub(async (hub, cache) => {
    const stop = new AbortController();
    hub.fail({
      path: "model.safetensors",
      on: "cdn",
      hangAfter: { bytes: 200_000, ms: 20_000 },
    });
    const options: HubOptions = {
      ...cache.options(hub),
      signal: stop.signal,
      onProgress: (p) => {
        assert.ok(p.done <= p.total);
        if (!p.file.endsWith("model.safetensors")) return;
        assert.deepEqual([p.file, p.total], [
          "owner/name/model.safetensors",
          400_000,
        ]);
      },
    };
    const aborted = assert.rejects(fetched(options), /enough/);
    const arrived = (): number => {
      try {
        return Deno.statSync(partial(cache)).size;
      } catch {
        return 0; // not yet
      }
    };
    while (arrived() < 200_000) {
      await new Promise((done) => setTimeout(done, 5));
    }
    stop.abort(new Error("enough"));
    await aborted;
    const kept = arrived();
    const again: number[] = [];
    assert.deepEqual(
      await fetched({
        ...cache.options(hub),
        onProgress: (p) =>
          p.file.endsWith("model.safetensors") && again.push(p.done),
      }),
      WEIGHTS,
    );
    assert.equal(again[0], kept);
    assert.equal(again.at(-1), 400_000);
  }));

Deno.test("redirects to what is no web address are refused", () =>
  withHub(async (hub, cache) => {
    hub.fail({
      path: "config.json",
      status: 302,
      headers: { location: "file:///etc/passwd" },
    });
    await assert.rejects(fetched(cache.options(hub)), {
      name: "DataError",
      message: /redirects to file:/,
    });
    hub.fail({
      path: "config.json",
      status: 302,
      headers: { location: "/resolve/config.json" },
      times: 99,
    });
    await assert.rejects(fetched(cache.options(hub)), {
      name: "DeviceError",
      message: /redirects more than 10 times/,
    });
  }));

const CHILD = new URL("./_fetch_child.ts", import.meta.url).pathname;

function child(hub: FakeHub, cache: Cache): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", CHILD],
    env: {
      HF_ENDPOINT: hub.endpoint,
      HF_HOME: `${cache.path}/hf`,
      DENOTUNE_CACHE: `${cache.path}/denotune`,
    },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

Deno.test("a process that is killed in the middle leaves a part that the next goes on with", () =>
  withHub(async (hub, cache) => {
    hub.fail({
      path: "model.safetensors",
      on: "cdn",
      hangAfter: { bytes: 200_000, ms: 20_000 },
    });
    const process = child(hub, cache);
    let kept = 0;
    for (let i = 0; i < 600 && kept < 200_000; i++) {
      await new Promise((done) => setTimeout(done, 50));
      try {
        kept = Deno.statSync(partial(cache)).size;
      } catch {
        // not yet
      }
    }
    process.kill("SIGKILL");
    await process.output();
    assert.equal(kept, 200_000);
    assert.ok(!filesIn(cache.hub).some((f) => f.endsWith(`/blobs/${SHA}`)));
    assert.deepEqual(await fetched(cache.options(hub)), WEIGHTS);
    assert.deepEqual(ranges(hub), [null, "bytes=200000-"]);
  }));

Deno.test("two processes that want the same files fetch them once", () =>
  withHub(async (hub, cache) => {
    hub.fail({ path: "model.safetensors", on: "cdn", slowMs: 30 });
    const results = await Promise.all([
      child(hub, cache).output(),
      child(hub, cache).output(),
      fetched(cache.options(hub)),
    ]);
    const text = new TextDecoder();
    for (
      const { code, stderr } of results.slice(0, 2).filter((r) => "code" in r)
    ) {
      assert.equal(code, 0, text.decode(stderr));
    }
    assert.deepEqual(results[2], WEIGHTS);
    assert.equal(ranges(hub).length, 1);
    assert.ok(!filesIn(cache.hub).some((f) => /incomplete|tmp/.test(f)));
  }));
