/**
 * The place in somebody else's code where an error or a call came from, by its stack trace.
 * @module
 */

/** Folder of denotune's own modules; in a bundle the one module that all of them are in. */
const OWN = /\/core\/fault_place\.[jt]s$/.test(import.meta.url)
  ? new URL("../", import.meta.url).href
  : import.meta.url;

/** Where in a stack trace the code of a plugin is. */
export interface FaultPlace {
  /** `/work/plugin.ts:6:28`; null: nowhere. */
  readonly plugin: string | null;
  /** Whether the innermost file of the trace is denotune's own. */
  readonly isOwn: boolean;
}

/** The innermost place that is a file or an address, and not a library or Deno itself. */
export function faultPlace(stack: string | undefined): FaultPlace {
  let isOwn = false;
  let isFirst = true;
  for (const line of (stack ?? "").split("\n")) {
    const place = /\b(?:file|https?):\/\/[^\s)]+:\d+:\d+/.exec(line)?.[0];
    if (place === undefined || place.includes("/node_modules/")) continue;
    if (place.startsWith(OWN)) {
      if (isFirst) isOwn = true;
    } else return { plugin: shown(place), isOwn };
    isFirst = false;
  }
  return { plugin: null, isOwn };
}

/** The place of a thrown value, which may throw when it is looked at. */
export function placeOfError(error: unknown): FaultPlace {
  try {
    return faultPlace(error instanceof Error ? error.stack : undefined);
  } catch {
    return { plugin: null, isOwn: false };
  }
}

function shown(place: string): string {
  if (!place.startsWith("file://")) return place;
  try {
    return decodeURIComponent(new URL(place).pathname);
  } catch {
    return place;
  }
}
