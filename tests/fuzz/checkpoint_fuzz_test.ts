import { fuzzTest } from "./_fuzz.ts";

fuzzTest(
  "run folders and checkpoints",
  import.meta.resolve("./targets/checkpoint.ts"),
  {
    some: 60,
    all: 2000,
  },
);
