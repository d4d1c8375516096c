import { fuzzTest } from "./_fuzz.ts";
import { COUNT } from "./targets/odd_files.ts";

fuzzTest(
  "pipes, devices and folders",
  import.meta.resolve("./targets/odd_files.ts"),
  {
    some: 40,
    all: COUNT,
  },
);
