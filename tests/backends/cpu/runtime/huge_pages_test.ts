import assert from "node:assert/strict";
import { printedBy } from "../own_process.ts";

/** Whether the kernel gives large pages to those who ask. */
function isOffered(): boolean {
  try {
    return !Deno.readTextFileSync("/sys/kernel/mm/transparent_hugepage/enabled")
      .includes("[never]");
  } catch {
    return false;
  }
}

Deno.test({
  name:
    "the memory of a cpu device asks Linux for large pages, also where it grows",
  ignore: !isOffered(),
  fn: async () => {
    // in a process of its own: devices of other tests come and go in this one
    const script = `
      const asking = () =>
        Deno.readTextFileSync("/proc/self/smaps").split("\\n")
          .filter((line) => /^VmFlags:.*\\bhg\\b/.test(line)).length;
      const { openCpu } = await import(${
      JSON.stringify(new URL("../open.ts", import.meta.url).href)
    });
      const before = asking();
      await using device = await openCpu({ workers: 1, blas: "off" });
      device.write(device.allocate(64 << 20, "weights"), new Uint8Array(1));
      await device.idle();
      console.log(before, asking() > before);
    `;
    assert.equal(await printedBy(script), "0 true");
  },
});
