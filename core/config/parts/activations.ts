/**
 * The activations that a model can find by name: every part of the kind `activation`, plugins' included.
 * @module
 */
import type { Activation, Activations } from "../../contracts/activation.ts";
import { isDenotuneError } from "../../contracts/errors.ts";
import type { Host } from "../../contracts/plugin.ts";

/**
 * Creates every activation with its default options. For a model's `create`: its architecture keeps the map
 * and looks names up when it reads a config. An activation that needs options has no name in a config.
 */
export async function activationsOf(
  host: Pick<Host, "list" | "create">,
): Promise<Activations> {
  const own = new Map<string, Activation>();
  const second = new Map<string, Activation>();
  for (const name of host.list("activation")) {
    try {
      const activation = await host.create("activation", name);
      own.set(name, activation);
      for (const other of activation.names ?? []) {
        if (!second.has(other)) second.set(other, activation);
      }
    } catch (error) {
      if (!isDenotuneError(error) || error.name !== "ConfigError") throw error;
    }
  }
  // a part's own name wins over another's second name
  return new Map([...second, ...own]);
}
