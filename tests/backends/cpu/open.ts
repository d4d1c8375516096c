/** Opens cpu devices for tests. */
import type { Backend, Device } from "@denotune/denotune/core";
import { cpu, type CpuInput } from "../../../backends/cpu/mod.ts";
import { testHost } from "../../conformance/host.ts";

/** A host for parts that need none. */
export const benchHost = testHost();

/** The backend with these options. */
export async function cpuBackend(input: CpuInput): Promise<Backend> {
  const result = await cpu.options["~standard"].validate(input);
  if (result.issues !== undefined) {
    throw new Error(JSON.stringify(result.issues));
  }
  return await cpu.create(result.value, benchHost);
}

/** A device with these options. */
export async function openCpu(input: CpuInput): Promise<Device> {
  return await (await cpuBackend(input)).open();
}
