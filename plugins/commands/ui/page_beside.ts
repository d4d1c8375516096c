/**
 * The page beside a run that `train --ui` starts: a process of its own, so that neither can take the other with it. It
 * ends with the run, however that dies, because its standard input does; Ctrl-C is for the run alone.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { basename, dirname } from "node:path";
import { thisProgram } from "./jobs.ts";

/** A page that ends when it is disposed of; none until it is started. */
export class PageBeside implements Disposable {
  #child: ChildProcess | null = null;

  /** Starts it for a run, and those beside it. It writes its address to standard error. */
  start(runFolder: string): void {
    const folder = dirname(runFolder);
    Deno.mkdirSync(folder, { recursive: true });
    const [command, ...before] = thisProgram();
    const child = spawn(
      command,
      [
        ...before,
        "ui",
        folder,
        "--show",
        basename(runFolder),
        "--until-input-ends",
      ],
      { detached: true, stdio: ["pipe", "ignore", "inherit"] },
    );
    child.on("error", () => {}); // the run does without
    child.stdin?.on("error", () => {});
    child.unref();
    this.#child = child;
  }

  /** Ends it. */
  [Symbol.dispose](): void {
    this.#child?.stdin?.end();
    this.#child?.kill();
  }
}
