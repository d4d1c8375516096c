/**
 * What the sites of a model are made of in a graph.
 * @module
 */
import type {
  LinearSite,
  NormSite,
  WeightSpec,
} from "../../contracts/model.ts";
import type { Graph, Tensor } from "../../graph/graph.ts";
import type { SortedTokens } from "../../graph/ops/embedding.ts";
import { layerNorm, rmsNorm } from "../../graph/ops/norms.ts";
import { reshape } from "../../graph/ops/reshape.ts";
import { programInput } from "../inputs/program_inputs.ts";

/** A norm of a site, of whole rows or of each head alone. `weight` declares the variables that it reads. */
export function norm(
  graph: Graph,
  x: Tensor,
  site: NormSite,
  weight: (w: WeightSpec) => Tensor,
): Tensor {
  const { kind, offset = 0, eps, columns } = site;
  const w = site.weight === false ? null : weight({
    name: `${site.name}.weight`,
    shape: [columns],
    // so that the norm starts by multiplying by 1
    init: { kind: offset === 1 ? "zeros" : "ones" },
  });
  const bias = site.bias ?? kind === "layer"
    ? weight({
      name: `${site.name}.bias`,
      shape: [columns],
      init: { kind: "zeros" },
    })
    : undefined;
  const width = columnsOf(x);
  const view = width === columns ? x : reshape(x, columns); // each head alone
  const y = kind === "rms"
    ? rmsNorm(graph, view, w, { eps, offset, bias })
    : layerNorm(graph, view, w, bias ?? null, { eps, offset });
  return width === columns ? y : reshape(y, width);
}

function columnsOf(x: Tensor): number {
  const columns = x.shape[x.shape.length - 1];
  if (typeof columns !== "number") {
    throw new RangeError("Expected a fixed last dimension");
  }
  return columns;
}

/** The shape of a linear site's matrix in its file. */
export function weightShape(site: LinearSite): readonly number[] {
  return site.layout === "NT" ? [site.out, site.in] : [site.in, site.out];
}

/** The inputs in which the host lays out an index sorted: shared by all embeddings of the same index. */
export function sortedInputs(graph: Graph, index: Tensor): SortedTokens {
  const of = index.source.kind === "input" ? index.source.name : null;
  if (of !== "tokens" && of !== "positions") {
    throw new RangeError(
      "Only embeddings of the tokens or of the positions can be trained",
    );
  }
  return {
    order: programInput(graph, `${of}.order`),
    ids: programInput(graph, `${of}.ids`),
    starts: programInput(graph, `${of}.starts`),
  };
}
