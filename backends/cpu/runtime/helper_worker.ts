/**
 * Module of the workers 1, 2, ... of a device.
 * @module
 */
import { beHelper, type HelperScope } from "./helper.ts";

// the types of windows and workers cannot be loaded together
beHelper(globalThis as unknown as HelperScope);
