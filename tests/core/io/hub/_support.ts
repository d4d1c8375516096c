/**
 * A cache of its own for each test, and the settings that go with it.
 * @module
 */
import type { HubOptions } from "../../../../core/io/hub/access.ts";
import type { FakeHub } from "../../../hub_server.ts";

/** A temporary folder with a Hub cache in it. */
export interface Cache extends Disposable {
  readonly path: string;
  /** Folder of `models--owner--name`. */
  readonly hub: string;
  /** Settings; retries come quickly. */
  options(hub: FakeHub, more?: Readonly<Record<string, string>>): HubOptions;
}

/** Makes an empty cache. */
export function testCache(): Cache {
  const path = Deno.realPathSync(Deno.makeTempDirSync());
  return {
    path,
    hub: `${path}/hf/hub`,
    options: ({ endpoint }, more = {}) => {
      const env: Record<string, string> = {
        HF_ENDPOINT: endpoint,
        HF_HOME: `${path}/hf`,
        DENOTUNE_CACHE: `${path}/denotune`,
        ...more,
      };
      return {
        env: (name) => env[name],
        attempts: 4,
        backoffMs: 1,
        stallMs: 5_000,
      };
    },
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

/** Bytes that are neither text nor all the same. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let x = seed;
  for (let i = 0; i < length; i++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = x >>> 16;
  }
  return bytes;
}

/** Every file and link below a folder, sorted. */
export function filesIn(folder: string): string[] {
  const found: string[] = [];
  const walk = (at: string, name: string) => {
    for (const entry of Deno.readDirSync(at)) {
      const path = name === "" ? entry.name : `${name}/${entry.name}`;
      if (entry.isDirectory) walk(`${at}/${entry.name}`, path);
      else found.push(path);
    }
  };
  walk(folder, "");
  return found.sort();
}
