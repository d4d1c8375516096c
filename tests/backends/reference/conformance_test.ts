import { ReferenceExecutor } from "../../../backends/reference/mod.ts";
import { localDevice } from "../../../core/device/local_device.ts";
import { testBackend } from "../../conformance/mod.ts";

testBackend(
  "reference",
  () => Promise.resolve(localDevice(new ReferenceExecutor())),
);
