/**
 * Whether a run trains, and how it ended: from its events and from the lock beside its folder.
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { kill } from "node:process";
import { SUMMARY } from "./run_files.ts";
import { isHere, readLockOwner } from "../run_lock.ts";
import type { RunLog } from "./run_log.ts";

/** How far a run is. `stopped`: it can be resumed. */
export type RunState =
  | "preparing"
  | "running"
  | "finished"
  | "stopped"
  | "failed";

/** The state, and why where that is not clear. */
export interface DescribedState {
  /** How far it is. */
  readonly state: RunState;
  /** What went wrong, or what is not known; null: nothing. */
  readonly reason: string | null;
}

/** The state of the run in a folder. */
export function runState(runFolder: string, log: RunLog): DescribedState {
  const ended = endOf(log);
  const lives = isHeld(runFolder);
  if (ended === null) {
    if (lives) {
      return {
        state: log.entryCount === 0 ? "preparing" : "running",
        reason: null,
      };
    }
    if (log.entryCount === 0 && existsSync(join(runFolder, SUMMARY))) {
      return {
        state: "finished",
        reason: "There are no events: `jsonl` is missing in its `trackers`",
      };
    }
    return {
      state: "stopped",
      reason: log.entryCount === 0
        ? "It has not begun to train, or `jsonl` is missing in its `trackers`: there are no events"
        : "It did not say why: its process is gone, or runs on another machine",
    };
  }
  // the last run is over, and the next one of the same folder reads its data
  if (lives && ended.status !== "done") {
    return { state: "preparing", reason: null };
  }
  const { status, error } = ended;
  return status === "done"
    ? { state: "finished", reason: null }
    : status === "failed"
    ? { state: "failed", reason: error }
    : { state: "stopped", reason: null };
}

/** Bytes of memory that the process of a run has, where the operating system says it in a file (Linux); else null. */
export function processBytes(runFolder: string): number | null {
  const owner = readLockOwner(runFolder);
  if (owner === null || !isHere(owner)) return null;
  try {
    const status = Deno.readTextFileSync(`/proc/${owner.pid}/status`);
    const found = /^VmRSS:\s+(\d+) kB$/m.exec(status);
    return found === null ? null : 1024 * Number(found[1]);
  } catch {
    return null;
  }
}

function endOf(
  log: RunLog,
): { readonly status: unknown; readonly error: string | null } | null {
  const ends = log.entries({ event: "end" });
  const starts = log.entries({ event: "start" });
  const end = ends.at(-1);
  if (end === undefined || end.number < (starts.at(-1)?.number ?? -1)) {
    return null;
  }
  const { status, error } = end.fields;
  return { status, error: typeof error === "string" ? error : null };
}

/**
 * Whether a process of this machine uses the folder. Asked of the process that the lock names: taking the lock, even
 * for a moment, could refuse a run that starts just then.
 */
function isHeld(runFolder: string): boolean {
  const owner = readLockOwner(runFolder);
  if (owner === null || !isHere(owner)) return false;
  try {
    kill(owner.pid, 0); // signal 0 asks, and sends nothing
    const began = beginOf(owner.pid);
    return !(began !== null && began > Date.parse(owner.since) + CLOCK_SLACK);
  } catch (error) {
    // not for us to ask (without --allow-run): the file is there, so somebody is likely to hold it
    if (error instanceof Deno.errors.NotCapable) return true;
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Milliseconds by which a process may seem to begin after it took its lock: the system counts in ticks, and clocks are set. */
const CLOCK_SLACK = 60_000;

/**
 * When a process began, in milliseconds since 1970, where the operating system says it in files (Linux); else null.
 * In a container every start has the same few numbers: a process of this number may be another one.
 */
function beginOf(pid: number): number | null {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // the name, in brackets, may have blanks and brackets; the 20th field after it counts ticks, 100 a second
    const ticks = status.slice(status.lastIndexOf(")") + 2).split(" ")[19];
    const boot = /^btime (\d+)$/m.exec(Deno.readTextFileSync("/proc/stat"));
    const began = boot === null
      ? NaN
      : 1000 * Number(boot[1]) + 10 * Number(ticks);
    return Number.isFinite(began) ? began : null;
  } catch {
    return null;
  }
}
