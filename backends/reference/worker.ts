/**
 * The worker of the reference device.
 * @module
 */
import { serve } from "@denotune/denotune/device";
import { ReferenceExecutor } from "./executor.ts";
import { referenceOptions } from "./options.ts";

serve((options) => new ReferenceExecutor(referenceOptions.parse(options)));
