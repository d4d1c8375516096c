import { fuzzTest } from "./_fuzz.ts";

fuzzTest(
  "run files and overrides",
  import.meta.resolve("./targets/run_file.ts"),
  {
    some: 80,
    all: 2000,
  },
);
