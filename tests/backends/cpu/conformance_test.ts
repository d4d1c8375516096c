import { testBackend } from "../../conformance/backend.ts";
import { openCpu } from "./open.ts";

testBackend(
  "cpu with 2 workers and WebAssembly",
  () => openCpu({ workers: 2, blas: "off" }),
);

testBackend(
  "cpu with 3 workers and a BLAS",
  () => openCpu({ workers: 3, blas: "auto" }),
);
