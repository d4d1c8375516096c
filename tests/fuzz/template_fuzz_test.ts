import { fuzzTest } from "./_fuzz.ts";

fuzzTest("chat templates", import.meta.resolve("./targets/template.ts"), {
  some: 100,
  all: 2000,
});
