/**
 * The backends whose numbers are compared with golden ones.
 * @module
 */
import assert from "node:assert/strict";
import type { Device, Part } from "@denotune/denotune/core";
import { cpu } from "../../backends/cpu/mod.ts";
import { reference } from "../../backends/reference/mod.ts";
import { webgpu } from "../../backends/webgpu/mod.ts";
import { missing } from "../backends/webgpu/_device.ts";
import { testHost } from "../conformance/host.ts";

/** Every backend whose numbers are compared; webgpu where there is an adapter. */
export const BACKENDS: readonly Part<"backend">[] = [
  reference,
  cpu,
  ...(missing === null ? [webgpu] : []),
];

/** A device of a backend with its default options. */
export async function openBackend(part: Part<"backend">): Promise<Device> {
  const options = await part.options["~standard"].validate({});
  assert.ok(options.issues === undefined);
  const backend = await part.create(options.value, testHost());
  return await backend.open();
}
