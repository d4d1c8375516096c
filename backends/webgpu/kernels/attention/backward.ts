/**
 * Attention backward: scores are computed again from the saved logarithm of the denominator. WGSL has no
 * float atomics, so queries' gradients and those of keys and values are two kernels:
 *
 * ```text
 * delta[i] = dOut[i] . out[i]            p = exp(s - lse[i])      dP = dOut[i] . v[j]
 * dZ = p (dP - delta[i]) (1 - (s / softcap)^2) scale
 * dQ[i] += dZ k[j]        dK[j] += dZ q[i]        dV[j] += p dOut[i]
 * ```
 * @module
 */
import type { Lower } from "../../shader/dispatch.ts";
import { type BackwardViews, inputsOf } from "./backward_tiles.ts";
import { keyGradients } from "./key_gradients.ts";
import { attentionInputs, attentionSizes } from "./operands.ts";
import { queryGradients } from "./query_gradients.ts";
import { queryStatistics } from "./statistics.ts";
import {
  broadcastKeyGradients,
  broadcastLanes,
  broadcastQueryGradients,
} from "./subgroup_broadcast.ts";

/** Gradients of queries, keys and values. */
export const attentionBackward: Lower<"attention_backward"> = (lowering) => {
  const { attributes } = lowering;
  const { heads } = attributes;
  const sizes = attentionSizes(attributes, (d) => lowering.capacity(d));
  const { rows } = sizes;
  const views: BackwardViews = {
    ...attentionInputs(lowering),
    out: lowering.input("out"),
    lse: lowering.input("lse"),
    dOut: lowering.input("dOut"),
    dQ: lowering.output("dQ"),
    dK: lowering.output("dK"),
    dV: lowering.output("dV"),
    statistics: lowering.scratch(rows * heads * 2),
  };
  lowering.emit(queryStatistics(attributes, views));
  const { headDim } = attributes;
  const lanes = broadcastLanes(lowering.limits, headDim);
  if (lanes !== null) {
    const spec = { attributes, sizes, lanes };
    const shared = inputsOf(views, true);
    const output = (name: "dQ" | "dK" | "dV") => ({
      name,
      view: views[name],
      writes: true,
      wide: true,
    });
    lowering.emit(broadcastQueryGradients(spec, [...shared, output("dQ")]));
    lowering.emit(
      broadcastKeyGradients(spec, [...shared, output("dK"), output("dV")]),
    );
    return;
  }
  lowering.emit(queryGradients(lowering, sizes, views));
  lowering.emit(keyGradients(lowering, sizes, views));
};
