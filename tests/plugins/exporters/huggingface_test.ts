/** The exporter `huggingface`: the public suite. That it exports a run is tested with the command. */
import { builtin } from "../../../plugins/mod.ts";
import { makePart, testExporter } from "@denotune/denotune/testing";

for (const quantization of ["f32", "f16", "bf16"]) {
  testExporter(
    `huggingface, ${quantization}`,
    () => makePart(builtin, "exporter", { use: "huggingface", quantization }),
  );
}
