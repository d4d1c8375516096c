/** The suite of all backends, with the kernels that this adapter gets. */
import { testBackend } from "../../conformance/mod.ts";
import { missing, openDevice, title } from "./_device.ts";

testBackend(title("webgpu"), () => openDevice(), { ignore: missing !== null });
