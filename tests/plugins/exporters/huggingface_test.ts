/** The exporter `huggingface`: the public suite. That it exports a run is tested with the command. */
import { makePart, testExporter } from "@denotune/denotune/testing";
import { huggingface } from "../../../plugins/exporters/mod.ts";

for (const quantization of ["f32", "f16", "bf16"]) {
  testExporter(
    `huggingface, ${quantization}`,
    () => makePart({ parts: [huggingface] }, "exporter", { quantization }),
  );
}
