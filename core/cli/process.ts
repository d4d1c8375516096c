/**
 * The process of the command line: its exit code is what `main` reports, whatever a plugin does.
 * @module
 */
import {
  exitCodeOf,
  isDenotuneError,
  messageOf,
  PluginError,
  withCauses,
} from "../contracts/errors.ts";
import { faultPlace, placeOfError } from "../fault_place.ts";

/** Said of an error that is nobody's by its class. */
export const FAULT =
  "This is a fault in denotune or in a plugin; --verbose shows where";

/** The event of an error that nothing caught: who can end its work cleanly prevents its default, an end at once. */
export const UNCAUGHT = "denotune-uncaught";

/**
 * Runs the command line and ends the process with its exit code. A promise that never settles, or a plugin that
 * calls `Deno.exit`, ends it with 1 and a message: success is what `main` reports, nothing else. So does an error
 * that nothing caught, unless the command ends its work itself.
 */
export function runProcess(main: () => Promise<number>): void {
  Deno.exitCode = 1; // until `main` says otherwise
  let isOver = false;
  let isEmpty = false;
  const end = (code: number): never => {
    isOver = true;
    return Deno.exit(code);
  };
  addEventListener("beforeunload", () => {
    isEmpty = true;
    complain(
      "the command waits for something that never comes: a promise of a plugin, or of its part, never settles",
    );
  });
  addEventListener("unload", () => {
    if (isOver || isEmpty) return;
    // the listener runs inside of `Deno.exit`: its stack trace says who called it
    const { plugin, isOwn } = faultPlace(
      new Error().stack?.replace(/^.*$/m, ""),
    );
    if (isOwn && plugin === null && Deno.exitCode !== 0) return;
    const by = plugin ?? "a plugin that calls Deno.exit";
    complain(
      `something ended the process before the command was done: ${by}`,
    );
    Deno.exitCode = 1;
  });
  const onUncaught = (error: unknown) => {
    const event = new CustomEvent(UNCAUGHT, {
      cancelable: true,
      detail: uncaught(error),
    });
    if (dispatchEvent(event)) end(showUncaught(event.detail));
  };
  addEventListener("error", (event) => {
    event.preventDefault();
    onUncaught(event.error);
  });
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    onUncaught(event.reason);
  });
  main().then(end);
}

/** The error of what nothing caught: a plugin's, where its stack trace names one. */
function uncaught(error: unknown): unknown {
  const { plugin } = placeOfError(error);
  return plugin === null ? error : new PluginError(
    `${plugin} threw where nothing could catch it (in a timer, or in a promise that nobody waits for): ${
      messageOf(error)
    }`,
    { cause: error },
  );
}

/** Says what nothing caught, with its stack trace where the command line asks for it. Returns the exit code. */
function showUncaught(error: unknown): number {
  const isVerbose = Deno.args.includes("--verbose");
  complain(
    isVerbose
      ? withCauses(error).map((at) => at.stack ?? at.message).join(
        "\ncaused by ",
      )
      : isDenotuneError(error)
      ? error.message
      : `${messageOf(error)}\n${FAULT}`,
  );
  return exitCodeOf(error);
}

function complain(message: string): void {
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(`error: ${message}\n`));
  } catch {
    // nobody reads; the exit code says it
  }
}
