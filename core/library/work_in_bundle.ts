/**
 * A bundle that was started as a worker becomes that worker.
 * @module
 */
import { importModule } from "../config/parts/import_module.ts";
import type { BuiltIn } from "../contracts/built_in.ts";
import { bundleUrl, workerName } from "../own_module.ts";

/**
 * Does a worker's work where a bundle was started as that worker; then it never resolves, so that the program that
 * the bundle holds does not run a second time. Everywhere else it returns at once. Awaited by the module that programs
 * import first.
 */
export async function workInBundle(builtIn: BuiltIn): Promise<void> {
  const name = workerName();
  if (name === null || bundleUrl() === null) return;
  if (name === "prepare") {
    const { servePreparation } = await import("../data/workers/worker.ts");
    servePreparation(async (url) =>
      url === builtIn.module
        ? { default: await builtIn.load() }
        : await importModule(url)
    );
  } else {
    const modules = await builtIn.workers?.();
    await modules?.[name]?.();
  }
  await new Promise<never>(() => {});
}
