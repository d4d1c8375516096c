/**
 * The page beside a run that `train --ui` starts: a process of its own, so that neither can take the other with it. It
 * ends with the run, however that dies, because its standard input does; Ctrl-C is for the run alone.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { thisProgram } from "./jobs.ts";

/** A page that ends when it is disposed of; none until it is started. */
export class PageBeside implements Disposable {
  #child: ChildProcess | null = null;

  /** Starts it for the runs of a folder. It writes its address to standard error. */
  start(folder: string): void {
    Deno.mkdirSync(folder, { recursive: true });
    const [command, ...before] = thisProgram();
    const child = spawn(
      command,
      [...before, "ui", folder, "--until-input-ends"],
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
