/** The suite of all backends, with the kernels that this adapter gets. */
import { testBackend } from "../../conformance/mod.ts";
import { missing, openDevice, title } from "./_device.ts";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

testBackend(title("webgpu"), () => openDevice(), {
  ignore: missing !== null,
  // what is read as f16 here is read as bf16 there by the same kernels
  ...(ALL ? {} : { except: /factors of bf16/ }),
});
