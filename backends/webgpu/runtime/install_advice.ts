/**
 * Advice on the packages to install if no adapter is found.
 * @module
 */

/** Advice for a system; WSL is recognised by the release of its kernel. */
export function installAdvice(
  os: typeof Deno.build.os,
  release: string,
): string {
  switch (os) {
    case "linux":
      return /microsoft/i.test(release)
        ? "In WSL run Deno for Windows instead: the Vulkan drivers that WSL has compute on the processor"
        : "Install your GPU's Vulkan driver and its loader: the NVIDIA driver's own, or mesa-vulkan-drivers and libvulkan1 (Debian, Ubuntu), vulkan-radeon or vulkan-intel and vulkan-icd-loader (Arch), mesa-vulkan-drivers and vulkan-loader (Fedora). In a container the driver's files must be passed in (for NVIDIA: capabilities graphics and compute)";
    case "windows":
      return "Update your GPU's driver: WebGPU needs DirectX 12 or Vulkan. DENO_WEBGPU_BACKEND=vulkan chooses between them";
    case "darwin":
      return "WebGPU needs Metal: a Mac of 2012 or later, and a session that is not a virtual machine without a GPU";
    default:
      return "Install a Vulkan driver and its loader";
  }
}
