import assert from "node:assert/strict";
import { ConfigError, ConfigReader } from "@denotune/denotune/core";

function refusal(config: { readonly [key: string]: unknown }): string | null {
  const reader = new ConfigReader(config, "tiny");
  reader.count("hidden_size");
  try {
    reader.done();
    return null;
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
}

Deno.test("a key that nobody read is refused by name, with its value", () => {
  assert.match(
    refusal({ hidden_size: 4, number_of_rings: 3 }) ?? "",
    /number_of_rings is 3, which is not supported for tiny/,
  );
  assert.match(
    refusal({ hidden_size: 4, rings: { a: 1 }, position_type: "round" }) ?? "",
    /rings is \{"a":1\}.*\n.*position_type is "round"/,
  );
});

Deno.test("a key that asks for nothing is not", () => {
  for (const value of [null, false, "", [], {}]) {
    assert.equal(refusal({ hidden_size: 4, rings: value }), null);
  }
  assert.equal(refusal({ hidden_size: 4, logit_scale: 1 }), null);
  assert.match(
    refusal({ hidden_size: 4, logit_scale: 0.5 }) ?? "",
    /logit_scale is 0\.5.*\(only 1\)/,
  );
  assert.match(
    refusal({ hidden_size: 4, is_causal: false }) ?? "",
    /is_causal/,
  );
});

Deno.test("keys that no model computes with are let through", () => {
  const config = {
    hidden_size: 4,
    transformers_version: "5.23.0",
    torch_dtype: "bfloat16",
    bos_token_id: 1,
    attention_dropout: 0.1,
    _name_or_path: "a/b",
    unsloth_fixed: true,
  };
  assert.equal(refusal(config), null);
});

Deno.test("a key that a family ignores on purpose is let through", () => {
  const reader = new ConfigReader({ attention_bias: true }, "tiny");
  reader.ignore("attention_bias");
  reader.done();
});

Deno.test("null is no for a flag that is off by default, and refused for one that is on", () => {
  const reader = new ConfigReader({ biases: null, tied: null }, "tiny");
  assert.equal(reader.flag("biases", false), false);
  reader.done();
  reader.flag("tied", true);
  assert.throws(
    () => reader.done(),
    (error) =>
      error instanceof ConfigError &&
      error.message.includes("tied is null; true or false is needed"),
  );
});
