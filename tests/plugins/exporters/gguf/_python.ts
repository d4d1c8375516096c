/** The Python witnesses of GGUF: llama.cpp (`xllamacpp`), and PyPI's `gguf`. */
import assert from "node:assert/strict";

const HERE = new URL("./", import.meta.url).pathname;

/** Whether Python has these modules; where not, tests that need them are skipped. */
export async function hasModules(...names: string[]): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("python3", {
      args: ["-c", `import ${names.join(", ")}`],
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false;
  }
}

/** What a script of this folder prints. */
export async function python(
  script: string,
  ...args: string[]
): Promise<string> {
  const { stdout, stderr, success } = await new Deno.Command("python3", {
    args: [`${HERE}${script}`, ...args],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr).slice(-2000));
  return new TextDecoder().decode(stdout);
}
