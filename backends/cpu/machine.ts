/**
 * Facts about the machine that are read without a prompt to the user.
 * @module
 */
import { isGranted } from "@denotune/denotune/device";

const MEMORY_FILE = "/sys/fs/cgroup/memory.max";
const PROCESSOR_FILE = "/proc/cpuinfo";

/** What the facts are read from. */
export const MACHINE_PERMISSIONS: readonly string[] = [
  "sys:systemMemoryInfo",
  ...(Deno.build.os === "linux"
    ? [`read:${MEMORY_FILE}`, `read:${PROCESSOR_FILE}`]
    : []),
];

/** Share of the machine's memory that a device may take: the rest is for the host and the system. */
const SHARE = 0.9;

/** Bytes that a device may use here, at most; infinite where nobody says. */
export function usableMemory(): number {
  return SHARE * Math.min(systemMemory(), controlGroupMemory());
}

function systemMemory(): number {
  return isGranted({ name: "sys", kind: "systemMemoryInfo" })
    ? Deno.systemMemoryInfo().total
    : Infinity;
}

/** The limit of a Linux container. */
function controlGroupMemory(): number {
  const text = readable(MEMORY_FILE);
  const bytes = text === null ? NaN : Number(text.trim()); // "max" where there is none
  return Number.isNaN(bytes) ? Infinity : bytes;
}

/** `Intel(R) Xeon(R) CPU @ 2.60GHz`, or what the build says where the name is hidden. */
export function describeProcessor(): string {
  const { os, arch } = Deno.build;
  const plain = `${arch} ${os}`;
  if (os !== "linux") return plain;
  const text = readable(PROCESSOR_FILE) ?? "";
  return field(text, "model name") ?? field(text, "Model") ?? plain;
}

/** A file of the system, or null where it is not there or may not be read. */
function readable(path: string): string | null {
  if (!isGranted({ name: "read", path })) return null;
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null; // not every system has it
  }
}

function field(text: string, name: string): string | null {
  const line = text.split("\n").find((l) => l.startsWith(name));
  return line === undefined ? null : line.slice(line.indexOf(":") + 1).trim();
}
