/**
 * The versions of the system's GPU drivers. WebGPU does not report them; what is measured on one driver is not
 * taken for true on another.
 * @module
 */
import { join } from "node:path";

/** Where Linux keeps the manifests of Vulkan drivers; a package's update writes them anew. */
const MANIFESTS = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];

/** Text that changes when a driver does, as far as the system lets us see. */
export function driverVersion(): string {
  const seen = Deno.build.os === "linux"
    ? [
      attempt(() => Deno.readTextFileSync("/sys/module/nvidia/version").trim()),
      ...MANIFESTS.map((folder) => attempt(() => manifestsOf(folder))),
      attempt(() => Deno.env.get("VK_DRIVER_FILES") ?? ""),
      attempt(() => Deno.env.get("VK_ICD_FILENAMES") ?? ""),
    ]
    // Metal and what Windows brings are updated with the system.
    : [attempt(() => Deno.osRelease())];
  return seen.filter((text) => text !== "").join(", ");
}

function manifestsOf(folder: string): string {
  return [...Deno.readDirSync(folder)].map(({ name }) => {
    const { mtime } = Deno.statSync(join(folder, name));
    return `${name} ${mtime?.getTime() ?? 0}`;
  }).sort().join(", ");
}

/** Nothing where there is no such file, or no permission to look. */
function attempt(look: () => string): string {
  try {
    return look();
  } catch {
    return "";
  }
}
