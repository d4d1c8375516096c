/**
 * Programs of Python: witnesses that were not written here. Tests that need one are skipped where it is not installed.
 */
import assert from "node:assert/strict";

/** Whether python3 has these modules; where not, a line says what is skipped. They are looked for, not imported. */
export function hasModules(...names: readonly string[]): boolean {
  const looked = names.map((name) => `f(${JSON.stringify(name)})`);
  try {
    const { success } = new Deno.Command("python3", {
      args: [
        "-c",
        `from importlib.util import find_spec as f; assert ${
          looked.join(" and ")
        }`,
      ],
      stdout: "null",
      stderr: "null",
    }).outputSync();
    if (!success) console.log(`skipped: python3 has no ${names.join(", ")}`);
    return success;
  } catch {
    console.log("skipped: there is no python3");
    return false;
  }
}

/** What a program prints. `args` are a script's path, or `-c` and its text, and what it is given. */
export async function python(
  args: readonly string[],
  { input = "", env = {} }: {
    /** Its standard input. */
    readonly input?: string;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<string> {
  const child = new Deno.Command("python3", {
    args: [...args],
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [{ success, stdout, stderr }] = await Promise.all([
    child.output(),
    // a program that ends early shows why below
    ReadableStream.from([new TextEncoder().encode(input)]).pipeTo(child.stdin)
      .catch(() => {}),
  ]);
  assert.ok(success, new TextDecoder().decode(stderr).slice(-4000));
  return new TextDecoder().decode(stdout);
}
