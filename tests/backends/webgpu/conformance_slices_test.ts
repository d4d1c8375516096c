/**
 * The suite of all backends on a GPU that has no subgroups and small bindings: larger tensors are bound in slices. CI
 * runs every fourth case.
 */
import { testBackend } from "../../conformance/mod.ts";
import { missing, openDevice, title } from "./_device.ts";

testBackend(
  title("webgpu as a GPU without subgroups, in slices"),
  () =>
    openDevice({}, {
      software: false,
      subgroup: null,
      maxBindingBytes: 2 ** 16, // an adapter of 32 bindings has enough for all slices
      maxBindings: 64,
    }),
  {
    ignore: missing !== null,
    every: Deno.env.get("DENOTUNE_TEST_ALL") === "1" ? 1 : 4,
  },
);
