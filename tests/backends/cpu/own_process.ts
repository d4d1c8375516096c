/** What a script prints in a process of its own: the tests' process has what other tests have opened. */
export async function printedBy(script: string): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      "--config",
      new URL("../../../deno.json", import.meta.url).pathname,
      script,
    ],
    stderr: "inherit",
  }).output();
  return new TextDecoder().decode(stdout).trim();
}
