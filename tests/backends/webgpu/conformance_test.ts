/**
 * The suite of all backends.
 */
import { testBackend } from "../../conformance/mod.ts";
import { missing, openDevice, title } from "./_device.ts";

testBackend(title("webgpu"), () => openDevice(), { ignore: missing !== null });
