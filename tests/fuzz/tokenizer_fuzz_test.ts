import { fuzzTest } from "./_fuzz.ts";

fuzzTest("tokenizer.json", import.meta.resolve("./targets/tokenizer.ts"), {
  some: 100,
  all: 2000,
});
