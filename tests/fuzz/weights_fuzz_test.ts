import { fuzzTest } from "./_fuzz.ts";

fuzzTest(
  "config.json, adapter_config.json and safetensors files",
  import.meta.resolve("./targets/weights.ts"),
  { some: 60, all: 2000 },
);
