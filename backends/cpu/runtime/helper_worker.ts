/**
 * Module of the workers 1, 2, ... of a device.
 * @module
 */
import { serveLeader } from "@denotune/denotune/device";
import { beHelper } from "./helper.ts";

serveLeader(beHelper);
