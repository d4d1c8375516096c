import assert from "node:assert/strict";
import {
  activationsOf,
  type AnyPart,
  API_VERSION,
  ConfigError,
  createPart,
  creatingWith,
  definePart,
  input,
  Registry,
} from "@denotune/denotune/core";
import { z } from "zod";
import { activations } from "../../../../plugins/activations/mod.ts";
import { modelParts } from "../../../../plugins/models/mod.ts";
import { evaluate } from "../../../conformance/expression.ts";

const cube = definePart({
  kind: "activation",
  name: "cube",
  description: "x to the third",
  options: z.strictObject({}),
  create: () => ({ apply: (x) => x.mul(x).mul(x), names: ["x3", "gelu"] }),
});
const leaky = definePart({
  kind: "activation",
  name: "leaky",
  description: "needs a slope",
  options: z.strictObject({ slope: z.number().describe("Slope") }),
  create: ({ slope }) => ({ apply: (x) => x.mul(slope) }),
});

function creating(parts: readonly AnyPart[]) {
  const registry = new Registry();
  registry.add(
    {
      name: "denotune",
      api: API_VERSION,
      parts: [...activations, ...modelParts],
    },
    "built-in",
  );
  registry.add({ name: "mine", api: API_VERSION, parts }, "./mine.ts");
  const creating = creatingWith(registry, { base: "/" });
  return creating;
}

const TINY = {
  model_type: "llama",
  vocab_size: 23,
  hidden_size: 16,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 4,
};

Deno.test("a config may name the activation of a plugin, by the part's name or another of its names", async () => {
  const llama = await createPart("model", "llama", creating([cube]));
  for (const hidden_act of ["cube", "x3", "silu", "gelu_new"]) {
    assert.equal(llama.describe({ ...TINY, hidden_act }).layers, 2);
  }
  assert.throws(
    () => llama.describe({ ...TINY, hidden_act: "square" }),
    (error) =>
      error instanceof ConfigError &&
      /hidden_act is "square"; supported: .*cube/.test(error.message),
  );
});

Deno.test("a part's own name wins over another's second name; one that needs options has no name", async () => {
  const { host } = creating([cube, leaky]);
  const found = await activationsOf(host);
  const at = (name: string, x: number) =>
    evaluate(found.get(name)!.apply(input(0)).node, () => x);
  assert.equal(at("x3", 2), 8);
  assert.notEqual(at("gelu", 2), 8);
  assert.ok(!found.has("leaky"));
});
