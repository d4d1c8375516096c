/** The worker of a WebGPU device that is lost, or that crashes, in the middle of a run. */
import { serve } from "../../../core/device/serve.ts";
import { WebGpuExecutor } from "../../../backends/webgpu/mod.ts";
import type { DyingOptions } from "./plugin.ts";

serve(async (given) => {
  const { after, how, once } = given as DyingOptions;
  const executor = await WebGpuExecutor.open({ tune: "off" });
  let runs = 0;
  const die = () => {
    Deno.writeTextFileSync(once, "");
    if (how === "lost") executor.gpu.device.destroy();
    else {setTimeout(() => {
        throw new Error("the driver went up in smoke");
      });}
  };
  return {
    info: executor.info,
    allocate: (...of) => executor.allocate(...of),
    free: (...of) => executor.free(...of),
    write: (...of) => executor.write(...of),
    read: (...of) => executor.read(...of),
    compile: (...of) => executor.compile(...of),
    idle: () => executor.idle(),
    close: () => executor.close(),
    run(...of) {
      const ran = executor.run(...of);
      if (++runs === after && !exists(once)) die();
      return ran;
    },
  };
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
