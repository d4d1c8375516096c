/**
 * The built-in activations.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { gelu } from "./gelu.ts";
import { geluTanh } from "./gelu_tanh.ts";
import { relu } from "./relu.ts";
import { silu } from "./silu.ts";

/** Every part of this folder. */
export const activations: readonly AnyPart[] = [gelu, geluTanh, relu, silu];
