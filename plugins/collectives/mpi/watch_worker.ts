/**
 * Module of the watching thread of a rank.
 * @module
 */
import { beWatch, type WatchScope } from "./watch_thread.ts";

// the types of windows and workers cannot be loaded together
beWatch(globalThis as unknown as WatchScope);
