/**
 * Which Deno this runs on. Imports nothing and uses nothing new: it must work on the Deno that is too old.
 * @module
 */

/** The oldest Deno that has what the backends need: 64-bit shared WebAssembly memory, WebGPU in workers. */
export const OLDEST_DENO = "2.9.0";

/** One line that says which Deno is needed, or null where this one is new enough. Undefined: this is no Deno. */
export function denoProblem(version: string | undefined): string | null {
  if (version === undefined) {
    return `denotune needs Deno ${OLDEST_DENO} or newer; this is another runtime. From Node, \`npx --yes deno@2.9.6 run -A\` runs the same program`;
  }
  const found = version.split(/[.+-]/).map(Number);
  const needed = OLDEST_DENO.split(".").map(Number);
  for (let i = 0; i < needed.length; i++) {
    if (found[i] > needed[i]) return null;
    if (!(found[i] >= needed[i])) {
      return `denotune needs Deno ${OLDEST_DENO} or newer; this is Deno ${version}. Run \`deno upgrade\`, or \`npx --yes deno@2.9.6 run -A mod.ts\``;
    }
  }
  return null;
}
