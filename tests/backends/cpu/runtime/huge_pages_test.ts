import assert from "node:assert/strict";
import { openCpu } from "../open.ts";

/** Whether the kernel gives large pages to those who ask. */
function isOffered(): boolean {
  try {
    return !Deno.readTextFileSync("/sys/kernel/mm/transparent_hugepage/enabled")
      .includes("[never]");
  } catch {
    return false;
  }
}

/** Mappings of this process that ask for large pages. */
function asking(): number {
  return Deno.readTextFileSync("/proc/self/smaps").split("\n")
    .filter((line) => /^VmFlags:.*\bhg\b/.test(line)).length;
}

Deno.test({
  name:
    "the memory of a cpu device asks Linux for large pages, also where it grows",
  ignore: !isOffered(),
  fn: async () => {
    const before = asking();
    await using device = await openCpu({ workers: 1, blas: "off" });
    const buffer = device.allocate(64 << 20, "weights");
    device.write(buffer, new Uint8Array(1));
    await device.idle();
    assert.ok(asking() > before);
  },
});
