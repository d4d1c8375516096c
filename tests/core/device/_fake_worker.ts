/** A device that keeps bytes and whose programs do what their plan's name says. */
import type { Executor } from "../../../core/device/executor.ts";
import { serve } from "../../../core/device/serve.ts";

export function fakeExecutor(options: unknown): Executor {
  if (options === "refuse") throw new Error("no such hardware");
  const buffers = new Map<number, Uint8Array<ArrayBuffer>>();
  const programs = new Map<number, string>();
  const bytesOf = (id: number) => {
    const bytes = buffers.get(id);
    if (bytes === undefined) throw new Error(`buffer ${id} is not there`);
    return bytes;
  };
  const read = (id: number, byteOffset: number, byteLength: number) =>
    bytesOf(id).slice(byteOffset, byteOffset + byteLength).buffer;
  return {
    ...(options === "waits long"
      ? {
        // answers with how many were read together in place of the first byte
        readMany: (ranges) =>
          Promise.resolve(ranges.map(({ id, byteOffset, byteLength }) => {
            const bytes = read(id, byteOffset, byteLength);
            new Uint8Array(bytes)[0] = ranges.length;
            return bytes;
          })),
      } satisfies Partial<Executor>
      : {}),
    info: {
      backend: "fake",
      description: JSON.stringify(options),
      maxBufferBytes: 1 << 20,
      memoryBytes: 1 << 20,
      alignment: 4,
      fingerprint: "fake",
    },
    allocate(id, bytes, label) {
      if (bytes > 1 << 20) throw new Error(`no room for ${label}`);
      buffers.set(id, new Uint8Array(bytes));
    },
    free: (id) => void buffers.delete(id),
    write: (id, byteOffset, bytes) => bytesOf(id).set(bytes, byteOffset),
    read,
    compile(id, plan) {
      if (plan.name === "uncompilable") {
        throw new Error("this plan has no kernels");
      }
      programs.set(id, plan.name);
    },
    async run(id, extents) {
      const name = programs.get(id);
      // Later commands must wait for this one, though it is asynchronous and they are not.
      await new Promise((resolve) => setTimeout(resolve, extents.ms ?? 0));
      if (name === "append") {
        const bytes = bytesOf(1);
        bytes[++bytes[0]] = extents.value;
      } else if (name === "throw") {
        throw new TypeError("the kernel of layers.0 is broken", {
          cause: new Error("a deeper reason"),
        });
      } else if (name === "crash") {
        setTimeout(() => {
          throw new Error("worker killed");
        });
        await new Promise(() => {});
      }
    },
    idle: () => {},
    profile: () => [{ kernel: "append", label: "x", seconds: 1, calls: 2 }],
    close: () => {},
  };
}

// Tests of the device in one thread import this module too: only a worker serves.
if (
  globalThis.constructor.name === "DedicatedWorkerGlobalScope" &&
  Reflect.get(globalThis, "name") === ""
) {
  serve((options) => Promise.resolve(fakeExecutor(options)));
}
