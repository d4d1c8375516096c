/**
 * The versions of the system's GPU drivers. WebGPU does not report them; what is measured on one driver is not
 * taken for true on another.
 * @module
 */
import { join } from "node:path";
import {
  environmentVariable,
  isGranted,
  variables,
} from "@denotune/denotune/device";

/** Where Linux keeps the manifests of Vulkan drivers; a package's update writes them anew. */
const MANIFESTS = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];

const NVIDIA = "/sys/module/nvidia/version";
/** Variables that name other manifests. */
const VARIABLES = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];

/** What the versions are read from, and the variable that `findAdapter` lends. */
export function driverPermissions(): string[] {
  if (Deno.build.os !== "linux") return [];
  return [
    ...[NVIDIA, ...MANIFESTS].map((path) => `read:${path}`),
    ...variables(...VARIABLES),
    "env:XDG_RUNTIME_DIR",
  ];
}

/** Text that changes when a driver does, as far as the system lets us see. */
export function driverVersion(): string {
  const seen = Deno.build.os === "linux"
    ? [
      attempt(
        NVIDIA,
        (path) => Deno.readTextFileSync(path).trim(),
      ),
      ...MANIFESTS.map((folder) => attempt(folder, manifestsOf)),
      ...VARIABLES.map((name) => environmentVariable(name) ?? ""),
    ]
    // Metal and what Windows brings are updated with the system.
    : [
      isGranted({ name: "sys", kind: "osRelease" }) ? Deno.osRelease() : "",
    ];
  return seen.filter((text) => text !== "").join(", ");
}

function manifestsOf(folder: string): string {
  return [...Deno.readDirSync(folder)].map(({ name }) => {
    const { mtime } = Deno.statSync(join(folder, name));
    return `${name} ${mtime?.getTime() ?? 0}`;
  }).sort().join(", ");
}

/** Nothing where there is no such file, or no permission to look. */
function attempt(path: string, look: (path: string) => string): string {
  if (!isGranted({ name: "read", path })) return "";
  try {
    return look(path);
  } catch {
    return "";
  }
}
