import { testBackend } from "../../conformance/backend.ts";
import { NATIVE_PRODUCTS } from "./native_products.ts";
import { openCpu } from "./open.ts";

testBackend(
  "cpu with 2 workers and WebAssembly",
  () => openCpu({ workers: 2, blas: "off" }),
);

for (const blas of NATIVE_PRODUCTS) {
  const what = blas === "required" ? "a BLAS" : "machine code";
  testBackend(
    `cpu with 3 workers and ${what}`,
    () => openCpu({ workers: 3, blas }),
  );
}
