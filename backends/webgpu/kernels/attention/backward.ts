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
import { statisticsWidth } from "./dropout.ts";
import { KEY_KIND, QUERY_KIND } from "./gradient_sides.ts";
import { tiledGradients } from "./gradient_tiles.ts";
import {
  attentionInputs,
  attentionSizes,
  type BackwardViews,
} from "./operands.ts";
import { queryStatistics } from "./statistics.ts";
import { broadcastGradients } from "./subgroup_gradients.ts";
import { broadcastLanes } from "./subgroup_rows.ts";

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
    statistics: lowering.scratch(rows * heads * statisticsWidth(attributes)),
  };
  const rowKeys = attributes.dropout === undefined
    ? null
    : lowering.input("rowKeys");
  lowering.emit(queryStatistics(attributes, { ...views, rowKeys }));
  const lanes = broadcastLanes(lowering.limits, attributes);
  for (const kind of [QUERY_KIND, KEY_KIND]) {
    lowering.emit(
      lanes === null
        ? tiledGradients(kind, lowering, { sizes, views })
        : broadcastGradients(kind, { attributes, sizes, lanes }, views),
    );
  }
};
