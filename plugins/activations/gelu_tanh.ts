import { defineActivation, type NoOptions } from "./_define.ts";
import type { Part } from "@denotune/denotune/core";

/** Coefficients of 2 u = x (LINEAR + CUBIC x^2). */
const LINEAR = 2 * Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715 * LINEAR;

/**
 * GELU by tanh (arXiv:1606.08415): GPT-2's `gelu_new`, and PyTorch's `approximate="tanh"`. (1 + tanh u) / 2 is the
 * sigmoid of 2 u, which takes one exponential and loses no digits where tanh u is near -1.
 */
export const geluTanh: Part<"activation", NoOptions, NoOptions> =
  defineActivation(
    "gelu-tanh",
    "GELU by tanh: gelu_new of GPT-2",
    (x) => x.mul(x.mul(x.mul(x).mul(CUBIC).add(LINEAR)).sigmoid()),
    ["gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_accurate"],
  );
