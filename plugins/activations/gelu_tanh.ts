import { defineActivation, type NoOptions } from "./_define.ts";
import type { Part } from "@denotune/denotune/core";

const CUBIC = 0.044715;

/** GELU by tanh (arXiv:1606.08415): GPT-2's `gelu_new`, and PyTorch's `approximate="tanh"`. */
export const geluTanh: Part<"activation", NoOptions, NoOptions> =
  defineActivation(
    "gelu-tanh",
    "GELU by tanh: gelu_new of GPT-2",
    (x) => {
      const inner = x.add(x.mul(x).mul(x).mul(CUBIC)).mul(
        Math.sqrt(2 / Math.PI),
      );
      return x.mul(0.5).mul(inner.tanh().add(1));
    },
    ["gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_accurate"],
  );
