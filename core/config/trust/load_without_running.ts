/**
 * Loads a module and everything that it imports, and runs none of it.
 *
 * ```text
 * data:  import "data:,throw ..."     evaluated first: it throws, and evaluation ends here
 *        import "npm:@acme/plugin"    fetched, parsed and linked before anything is evaluated
 * ```
 *
 * A later import of the same specifier runs the modules that were loaded here, whatever their files hold by then.
 * @module
 */
import { dataModule, importModule } from "../parts/import_module.ts";

/** What the first import throws; code that never runs cannot throw it. */
const LOADED = "loaded, not run";

/** Fetches and links a module graph. Throws what keeps it from being loaded: a missing module, a syntax error. */
export async function loadWithoutRunning(specifier: string): Promise<void> {
  const stop = dataModule(`throw ${JSON.stringify(LOADED)}`);
  const code = `import ${JSON.stringify(stop)};import ${
    JSON.stringify(specifier)
  };`;
  try {
    await importModule(dataModule(code));
  } catch (error) {
    if (error === LOADED) return;
    if (error instanceof Error) error.message = withoutWrapper(error.message);
    throw error;
  }
  throw new Error(`${specifier} was not stopped before it ran`);
}

/** A message without the line that names the module above, which nobody wrote. */
function withoutWrapper(message: string): string {
  // deno-lint-ignore no-control-regex -- Deno colours the name of the module
  return message.replace(/\n\s+at (\x1b\[\d+m)*data:[^\n]*/g, "");
}
