/**
 * The suite of all backends: with the kernels that this adapter gets, with those of a GPU that has no
 * subgroups and small bindings, so that larger tensors are bound in slices, and with those of one that has no
 * more than the limits of every adapter.
 */
import { testBackend } from "../../conformance/mod.ts";
import { missing, openDevice, title } from "./_device.ts";

const ignore = missing !== null;

testBackend(title("webgpu"), () => openDevice(), { ignore });

testBackend(
  title("webgpu as a GPU without subgroups, in slices"),
  () =>
    openDevice({}, {
      software: false,
      subgroup: null,
      maxBindingBytes: 2 ** 16, // an adapter of 32 bindings has enough for all slices
      maxBindings: 64,
    }),
  { ignore },
);

testBackend(
  title("webgpu as a GPU with the limits that every adapter has"),
  () => openDevice({ limits: "default" }, { software: false, subgroup: null }),
  { ignore },
);
