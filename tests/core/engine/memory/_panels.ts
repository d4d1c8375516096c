/** Devices that ask for matrices in panels, and what an engine stores so. */
import type { Engine } from "../../../../core/engine/engine.ts";
import type { Device } from "../../../../core/mod.ts";
import { openCpu } from "../../../backends/cpu/open.ts";

/** Panels of the smallest matrices too. */
export const PANELS = { rows: 48, leastElements: 1 };

/** Whether a cpu device reads panels here: there is oneDNN. */
export async function readsPanelsHere(): Promise<boolean> {
  await using device = await openCpu({ workers: 1 });
  return device.info.panels?.rows === PANELS.rows;
}

/** The device, as one that asks for panels of small matrices too, or for none. */
export function asking(
  device: Device,
  panels: Device["info"]["panels"],
): Device {
  return new Proxy(device, {
    get(target, name) {
      if (name === "info") return { ...target.info, panels };
      const member = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

/** Names of what an engine stores in panels. */
export function inPanels({ session }: Engine): string[] {
  return [...session.memory.variables].flatMap(([name, { panelRows }]) =>
    panelRows === undefined ? [] : [name]
  );
}
