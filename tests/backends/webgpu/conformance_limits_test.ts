/**
 * The suite of all backends on a GPU that has no more than the limits of every adapter: a sixth of the cases in CI,
 * because only tiles, shared memory and the number of bindings are others.
 */
import { testBackend } from "../../conformance/mod.ts";
import { missing, openDevice, title } from "./_device.ts";

testBackend(
  title("webgpu as a GPU with the limits that every adapter has"),
  () => openDevice({ limits: "default" }, { software: false, subgroup: null }),
  {
    ignore: missing !== null,
    every: Deno.env.get("DENOTUNE_TEST_ALL") === "1" ? 1 : 6,
  },
);
