/**
 * The processor's name, as far as it can be read without asking the user for anything.
 * @module
 */

/** `Intel(R) Xeon(R) CPU @ 2.60GHz`, or what the build says where the name is hidden. */
export function describeProcessor(): string {
  const { os, arch } = Deno.build;
  const plain = `${arch} ${os}`;
  if (os !== "linux") return plain;
  const path = "/proc/cpuinfo";
  try {
    const state = Deno.permissions.querySync({ name: "read", path }).state;
    if (state !== "granted") return plain;
    const text = Deno.readTextFileSync(path);
    return field(text, "model name") ?? field(text, "Model") ?? plain;
  } catch {
    return plain; // not every kernel has it: the name is for people and for comparison
  }
}

function field(text: string, name: string): string | null {
  const line = text.split("\n").find((l) => l.startsWith(name));
  return line === undefined ? null : line.slice(line.indexOf(":") + 1).trim();
}
