/**
 * What a fuzzer runs: a module that exports a `target`, read by the process of `_child.ts`.
 * @module
 */
import { main } from "../../core/cli/main.ts";
import { showError } from "../../core/cli/show_error.ts";
import type { Output } from "../../core/contracts/command.ts";
import { program } from "../program.ts";
import type { Random } from "./_mutate.ts";

/** How an attempt ended. */
export interface Ended {
  /** The exit code that the command line would give. */
  readonly code: number;
  /** What stderr would show. */
  readonly text: string;
}

/** Something that reads files which may be mutated. */
export interface FuzzTarget {
  /** Writes mutated files into the folder (which is empty) and reads them as a command would. */
  attempt(random: Random, folder: string): Promise<Ended>;
}

/** Runs a command line of denotune in this process. */
export async function command(...args: readonly string[]): Promise<Ended> {
  const err = textOutput();
  const code = await main(args, program, {
    out: textOutput().output,
    err: err.output,
  });
  return { code, text: err.text() };
}

/** Runs part of a command: an error counts as the command line would show it. */
export async function reading(run: () => unknown): Promise<Ended> {
  const err = textOutput();
  try {
    await run();
    return { code: 0, text: "" };
  } catch (error) {
    const verbose = Deno.env.has("DENOTUNE_FUZZ_VERBOSE");
    const code = showError(error, err.output, { verbose });
    return { code, text: err.text() };
  }
}

function textOutput(): { output: Output; text: () => string } {
  let all = "";
  const output: Output = {
    write: (text) => void (all += text),
    line: (text = "") => void (all += `${text}\n`),
    style: (_, text) => text,
    color: false,
    width: 100,
  };
  return { output, text: () => all };
}
