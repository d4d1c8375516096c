/**
 * The WebGPU of a browser as this process's `navigator.gpu`: calls are recorded and sent to the page when
 * something is waited for, so that the backend as it is runs on another implementation.
 *
 * ```text
 * here   device.createBuffer({...}) -> a stand-in with number 7         [7, 1, "createBuffer", [{...}]]
 *        stand-in.mapAsync(...)     -> sends all that was recorded      page: objects[7] = objects[1].createBuffer(...)
 * ```
 * @module
 */
import type { Chromium } from "./_chromium.ts";
import { forTint } from "./_tint.ts";

/** A recorded call: number of its result, of its object, method, arguments. */
type Recorded = readonly [number, number, string, readonly unknown[]];

/** What runs in the page: objects by number; of arguments `{$: number}` is an object, `{bytes}` base64. */
const PAGE = `
self.objects = new Map();
self.refused = [];
self.decode = (value) => {
  if (Array.isArray(value)) return value.map(decode);
  if (value === null || typeof value !== "object") return value;
  if ("$" in value) return objects.get(value.$);
  if ("bytes" in value) return Uint8Array.fromBase64(value.bytes);
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, decode(v)]));
};
self.replay = (calls) => {
  for (const [result, object, method, args] of calls) {
    objects.set(result, objects.get(object)[method](...args.map(decode)));
  }
};
self.openDevice = async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const requiredLimits = {};
  for (const name in adapter.limits) requiredLimits[name] = adapter.limits[name];
  const device = await adapter.requestDevice({ requiredFeatures: ["subgroups"], requiredLimits });
  device.addEventListener("uncapturederror", ({ error }) => refused.push(error.message));
  objects.set(1, device).set(2, device.queue);
  const { vendor, architecture, subgroupMinSize, subgroupMaxSize } = adapter.info;
  return { limits: requiredLimits, info: { vendor, device: architecture, description: "", subgroupMinSize, subgroupMaxSize } };
};`;

const DEVICE = 1;
const QUEUE = 2;

/** Calls on objects of the page. */
class Recorder {
  readonly page: Chromium;
  #calls: Recorded[] = [];
  #last = QUEUE;

  constructor(page: Chromium) {
    this.page = page;
  }

  call(object: number, method: string, args: readonly unknown[]): number {
    const result = ++this.#last;
    this.#calls.push([result, object, method, args.map(encode)]);
    return result;
  }

  /** Sends what was recorded, then the value of `expression` in the page. */
  async send(expression: string): Promise<unknown> {
    const calls = this.#calls;
    this.#calls = [];
    const [value, refused] = await this.page.evaluate(`(async () => {
      replay(${JSON.stringify(calls)});
      return [await (${expression}), refused.splice(0)];
    })()`) as [unknown, string[]];
    if (refused.length > 0) throw new Error(refused.join("\n"));
    return value;
  }
}

/** An object of the page. */
interface StandIn {
  readonly $: number;
}

function encode(value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(encode);
  if ("$" in value && typeof value.$ === "number") return { $: value.$ };
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteOffset, byteLength } = value;
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    return { bytes: bytes.toBase64() };
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, of]) => [key, encode(of)]),
  );
}

/** A stand-in whose every method that is not among `own` is recorded, and gives a stand-in. */
function standIn(
  recorder: Recorder,
  $: number,
  own: Readonly<Record<string, unknown>> = {},
): StandIn {
  return new Proxy({ $, ...own }, {
    get: (target, name) =>
      Reflect.has(target, name) || typeof name !== "string" || name === "then"
        ? Reflect.get(target, name)
        : (...args: unknown[]) =>
          standIn(recorder, recorder.call($, name, args)),
  });
}

function bufferOf(
  recorder: Recorder,
  descriptor: { readonly size: number },
): StandIn {
  const $ = recorder.call(DEVICE, "createBuffer", [descriptor]);
  let mapped = new ArrayBuffer(0);
  return standIn(recorder, $, {
    size: descriptor.size,
    mapAsync: async (mode: number, offset: number, size: number) => {
      const bytes = await recorder.send(`(async (buffer) => {
        await buffer.mapAsync(${mode}, ${offset}, ${size});
        return new Uint8Array(buffer.getMappedRange(${offset}, ${size})).toBase64();
      })(objects.get(${$}))`);
      mapped = Uint8Array.fromBase64(String(bytes)).buffer;
    },
    getMappedRange: () => mapped,
  });
}

/** Makes the page's WebGPU this process's, until it is disposed of. */
export async function lendGpu(page: Chromium): Promise<Disposable> {
  await page.evaluate(PAGE);
  const { limits, info } = await page.evaluate("openDevice()") as {
    limits: Readonly<Record<string, number>>;
    info: Readonly<Record<string, unknown>>;
  };
  const recorder = new Recorder(page);
  const device = standIn(recorder, DEVICE, {
    limits,
    lost: new Promise(() => {}),
    addEventListener: () => {},
    destroy: () => {}, // the page is closed soon
    createBuffer: (descriptor: { size: number }) =>
      bufferOf(recorder, descriptor),
    createShaderModule: ({ code }: { code: string }) =>
      standIn(
        recorder,
        recorder.call(DEVICE, "createShaderModule", [{ code: forTint(code) }]),
      ),
    popErrorScope: async () => {
      const message = await recorder.send(
        `objects.get(${DEVICE}).popErrorScope().then((e) => e?.message ?? null)`,
      );
      return message === null ? null : { message };
    },
    queue: standIn(recorder, QUEUE, {
      onSubmittedWorkDone: () =>
        recorder.send(
          `objects.get(${QUEUE}).onSubmittedWorkDone().then(() => null)`,
        ),
    }),
  });
  const gpu = {
    requestAdapter: () =>
      Promise.resolve({
        limits,
        info,
        features: new Set(),
        requestDevice: () => Promise.resolve(device),
      }),
  };
  const before = Object.getOwnPropertyDescriptor(navigator, "gpu");
  Object.defineProperty(navigator, "gpu", { configurable: true, value: gpu });
  return {
    [Symbol.dispose]() {
      if (before === undefined) Reflect.deleteProperty(navigator, "gpu");
      else Object.defineProperty(navigator, "gpu", before);
    },
  };
}
