/**
 * Why a plugin's process has ended, in words.
 * @module
 */
import { PluginError } from "../../../contracts/errors.ts";
import type { Ended, Limits } from "./bridge.ts";
import { reasonIn } from "../manifest.ts";

/** A process has ended while it was waited for. */
export class ProcessEnded extends Error {
  /** `ended`: why. */
  constructor(readonly ended: Ended) {
    super("The process of a plugin has ended");
  }
}

/** It was waited for too long. */
export const LATE: Ended = { why: "late", code: 1, signal: null, stderr: "" };

/** What becomes of the call that ended a process. */
export function endedError(
  ended: Ended,
  { module, method, limits }: {
    /** The module, as people are shown it. */
    readonly module: string;
    /** What was called; `describe` where the module was loaded. */
    readonly method: string;
    readonly limits: Limits;
  },
): PluginError {
  const what = method === "describe"
    ? `Cannot load the isolated plugin ${module}`
    : `\`${method}\` of the isolated plugin ${module} gave no answer`;
  return new PluginError(`${what}: ${whyEnded(ended, limits)}`);
}

function whyEnded(ended: Ended, { timeMs, memoryMB }: Limits): string {
  const { why, code, signal, stderr } = ended;
  const memory =
    `it took more than ${memoryMB} MB of memory, its \`memory_limit\``;
  switch (why) {
    case "late":
      return `it did not answer within ${timeMs / 1000} s, its \`time_limit\``;
    case "memory":
      return memory;
    case "long":
      return "its answer is too long";
    case "none":
      return `no process could be started: ${stderr}`;
  }
  if (stderr.includes("out of memory")) return memory;
  const reason = reasonIn(stderr);
  const said = reason === null ? "" : `: ${reason}`;
  return signal === null
    ? `it ended its process with code ${code}${said}`
    : `its process was ended by ${signal}${said}`;
}
