/**
 * How the command line decides about plugins that are not trusted yet: it asks on a terminal, accepts all under
 * `--trust`, and refuses where nobody can be asked, or where it then runs isolated.
 * @module
 */
import { describeUntrusted, toList } from "../config/trust/decide_trust.ts";
import type { Output } from "../contracts/command.ts";
import type { TrustPolicy, UntrustedPlugin } from "../contracts/trust.ts";
import { environmentVariable } from "../permissions.ts";
import { harmless } from "./terminal.ts";

/** What decides. */
export interface CliTrust {
  /** Whether `--trust` was given. */
  readonly all: boolean;
  /** Where questions and notes are written. */
  readonly err: Pick<Output, "line" | "write" | "style">;
  /** Why nobody can be asked, as part of a sentence; null: somebody can. By default as this process was started. */
  readonly silence?: string | null;
  /** The answer to a question, a line without its end; null where there is none. By default from the terminal. */
  readonly answer?: () => Promise<string | null>;
}

/** The policy of a command line. What was answered holds for the whole process. */
export function cliTrust(
  { all, err, silence = whyNobody(), answer = readLine }: CliTrust,
): TrustPolicy {
  const answered = new Map<string, string | null>();
  const decide = async (
    plugin: UntrustedPlugin,
    isolates: boolean,
  ): Promise<string | null> => {
    if (!all && isolates) return "It runs isolated";
    if (!all && silence !== null) {
      return `${silence}, so nobody is asked. To run its code, use --trust, or ${
        toList(plugin)
      }`;
    }
    err.line(
      harmless(`${plugin.place}: ${describeUntrusted(plugin)}`),
    );
    err.line(
      "  It runs with all rights of this process: your files, the network, other programs.",
    );
    if (all) {
      err.line("  Trusted, because --trust was given.");
      return null;
    }
    err.write(`${err.style("bold", "Trust it?")} [y/N] `);
    const said = await answer();
    return said !== null && /^\s*y(es)?\s*$/i.test(said)
      ? null
      : "You did not trust it, and none of its code was run";
  };
  return {
    shows: all || silence === null,
    remembers: true,
    notice: (message) =>
      err.line(`${err.style("warning", "note")}: ${harmless(message)}`),
    async refusal(plugin, { isolates } = { isolates: false }) {
      const key = `${plugin.specifier}\n${plugin.hash}\n${isolates}`;
      const before = answered.get(key);
      if (before !== undefined) return before;
      const refused = await decide(plugin, isolates);
      answered.set(key, refused);
      return refused;
    },
  };
}

function whyNobody(): string | null {
  const ci = environmentVariable("CI");
  if (ci && ci !== "0" && ci.toLowerCase() !== "false") {
    return "The environment variable CI is set";
  }
  return Deno.stdin.isTerminal() && Deno.stderr.isTerminal()
    ? null
    : "There is no terminal here";
}

/** Bytes of an answer at most: more is no answer. */
const MOST_BYTES = 1000;

async function readLine(): Promise<string | null> {
  const bytes: number[] = [];
  const one = new Uint8Array(1);
  while (bytes.length < MOST_BYTES) {
    const n = await Deno.stdin.read(one);
    if (n === null) return bytes.length === 0 ? null : text(bytes);
    if (one[0] === 10) return text(bytes);
    bytes.push(one[0]);
  }
  return null;
}

function text(bytes: readonly number[]): string {
  return new TextDecoder().decode(Uint8Array.from(bytes));
}
