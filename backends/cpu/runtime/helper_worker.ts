/**
 * Module of the workers 1, 2, ... of a device.
 * @module
 */
import { serveLeader } from "@denotune/denotune/core";
import { beHelper } from "./helper.ts";

serveLeader(beHelper);
