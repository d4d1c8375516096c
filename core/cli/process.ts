/**
 * The process of the command line: its exit code is what `main` reports, whatever a plugin does.
 * @module
 */

/**
 * Runs the command line and ends the process with its exit code. A promise that never settles, or a plugin that
 * calls `Deno.exit(0)`, ends it with 1 and a message: success is what `main` reports, nothing else.
 */
export function runProcess(main: () => Promise<number>): void {
  Deno.exitCode = 1; // until `main` says otherwise
  let isOver = false;
  let isEmpty = false;
  addEventListener("beforeunload", () => {
    isEmpty = true;
    complain(
      "the command waits for something that never comes: a promise of a plugin, or of its part, never settles",
    );
  });
  addEventListener("unload", () => {
    if (isOver || isEmpty || Deno.exitCode !== 0) return;
    Deno.exitCode = 1;
    complain(
      "something ended the process before the command was done: a plugin that calls Deno.exit",
    );
  });
  main().then((code) => {
    isOver = true;
    Deno.exit(code);
  });
}

function complain(message: string): void {
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(`error: ${message}\n`));
  } catch {
    // nobody reads; the exit code says it
  }
}
