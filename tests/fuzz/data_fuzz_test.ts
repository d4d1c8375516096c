import { fuzzTest } from "./_fuzz.ts";

fuzzTest("files of rows", import.meta.resolve("./targets/data.ts"), {
  some: 24,
  all: 2000,
});
