import { fuzzTest } from "./_fuzz.ts";

fuzzTest("answers of the Hub", import.meta.resolve("./targets/hub.ts"), {
  some: 60,
  all: 2000,
});
