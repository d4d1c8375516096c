/**
 * LoRA (arXiv:2106.09685) on a model: y = x W^T + s dropout(x) A^T B^T, the second product added in the
 * place of the first. Names and layouts are PEFT's, for Conv1D too: A (r, in), B (out, r).
 * @module
 */
import {
  type AdaptContext,
  type Adapter,
  type AttachedAdapter,
  dropout,
  matmul,
  type SavedAdapter,
  type Tensor,
  type TensorReader,
  type WeightSpec,
} from "@denotune/denotune/core";
import { adapterConfig, optionsOf } from "./_config.ts";
import { magnitudeFactor, scaleColumns } from "./_dora.ts";
import {
  type LowRank,
  mergedWeight,
  outputNorms,
  outputSquares,
} from "./_merge.ts";
import type { LoraOptions } from "./_options.ts";
import { principal } from "./_pissa.ts";
import { moduleOf, untiesHead } from "./_saved_modules.ts";
import { chooseTargets, type Target } from "./_targets.ts";

/** The adapter of these options; `from` is what was saved with them, or null for a new adapter. */
export function loraAdapter(
  o: LoraOptions,
  from: SavedAdapter | null = null,
): Adapter {
  return {
    untiesHead: (model) => untiesHead(model, o, from),
    attach: (model) => attach(o, from, model),
    configured(config, saved = { tensors: new Set() }) {
      const options = optionsOf(config);
      return options === null ? null : loraAdapter(options, saved);
    },
  };
}

/** PEFT's names of a layer's tensors, and those of what is only kept here. */
function namesOf({ site, rank }: Target) {
  const prefix = `base_model.model.${site.name}`;
  return {
    a: `${prefix}.lora_A.weight`,
    b: `${prefix}.lora_B.weight`,
    magnitude: `${prefix}.lora_magnitude_vector`,
    squares: `${prefix}.base_squares`,
    identity: `lora.identity.${rank}`,
  };
}

function attach(
  o: LoraOptions,
  from: SavedAdapter | null,
  model: Parameters<Adapter["attach"]>[0],
): AttachedAdapter {
  const chosen = chooseTargets(model, o, from);
  const { targets } = chosen;
  const saved = new Set(chosen.saved);
  const head = model.sites.find((s) => s.kind === "head");
  const tiedSaved = head?.kind === "head" && head.tied &&
    saved.has(moduleOf(head.name));
  const savesTable = model.sites.some((s) =>
    s.kind === "head" ? saved.has(moduleOf(s.name)) : saved.has(s.site.name)
  );
  const byWeight = new Map(
    [...targets.values()].map((t) => [`${t.site.name}.weight`, t]),
  );
  /** The base weight that the update is added to: the file's, less what PiSSA took out of it. */
  const residual = (target: Target, read: TensorReader): Float32Array => {
    const weight = read(`${target.site.name}.weight`);
    return o.init_lora_weights === "pissa"
      ? principal(target, weight).residual
      : weight;
  };
  return {
    parameters: [...targets.values()].flatMap((t) => parametersOf(t, o)),
    constants: o.use_dora ? constantsOf(targets.values()) : [],
    initialise: (read) => initialValues(targets.values(), o, read),
    trainsBase: (weight) =>
      saved.has(moduleOf(weight)) ||
      (weight.endsWith(".bias") &&
        (o.bias === "all" ||
          (o.bias === "lora_only" && targets.has(moduleOf(weight))))),
    // PEFT's groups: B and all of one dimension (magnitudes, biases, norms); A and whole modules as before
    learningRateFactor: ({ name, shape }) =>
      name.endsWith(".lora_B.weight") || shape.length === 1
        ? o.loraplus_lr_ratio ?? 1
        : 1,
    linear(context) {
      const target = targets.get(context.site.name);
      if (target === undefined) return null;
      return o.use_dora
        ? doraLinear(context, target, o)
        : loraLinear(context, target, o);
    },
    switches: o.use_dora
      ? undefined
      : [...targets.values()].map((t) => namesOf(t).b),
    merged(weight, read) {
      const target = byWeight.get(weight);
      if (target === undefined) return null;
      const names = namesOf(target);
      const magnitude = o.use_dora ? read(names.magnitude) : null;
      return mergedWeight(
        target.site,
        residual(target, read),
        lowRank(target, read),
        magnitude,
      );
    },
    config: (base) =>
      adapterConfig(o, chosen, {
        isPart: model.spec.carries !== undefined,
        base,
        linear: model.sites.flatMap((s) =>
          s.kind === "linear" ? [s.site.name] : []
        ),
        tying: tiedSaved
          ? true
          : savesTable && !o.ensure_weight_tying
          ? false
          : null,
      }),
    // PEFT wraps an adapted layer: its own bias is the base layer's there
    savedName: (weight) =>
      targets.has(moduleOf(weight))
        ? `base_model.model.${moduleOf(weight)}.base_layer.bias`
        : `base_model.model.${weight}`,
    // PEFT takes the head from the file too where it ties it to a trained table
    savedCopies: (weight) =>
      tiedSaved && weight === head.name
        ? ["base_model.model.lm_head.weight"]
        : [],
    // PEFT saves the biases of such modules several times over, and those that were replaced
    ignores: (name) => /\.(original_module|modules_to_save)\./.test(name),
  };
}

function parametersOf(t: Target, o: LoraOptions): WeightSpec[] {
  const names = namesOf(t);
  const { site, rank } = t;
  return [
    {
      name: names.a,
      shape: [rank, site.in],
      init: o.init_lora_weights === "gaussian"
        ? { kind: "normal", std: 1 / rank }
        // Kaiming's uniform with a = sqrt(5), as a linear layer of PyTorch starts: sqrt(6 / ((1 + 5) in))
        : { kind: "uniform", bound: Math.sqrt(1 / site.in) },
    },
    { name: names.b, shape: [site.out, rank], init: { kind: "zeros" } },
    ...(o.use_dora
      ? [{
        name: names.magnitude,
        shape: [site.out],
        init: { kind: "ones" } as const,
      }]
      : []),
  ];
}

function constantsOf(targets: Iterable<Target>): WeightSpec[] {
  const constants = new Map<string, WeightSpec>();
  for (const target of targets) {
    const { squares, identity } = namesOf(target);
    const { site, rank } = target;
    const init = { kind: "zeros" } as const;
    constants.set(squares, { name: squares, shape: [site.out], init });
    constants.set(identity, { name: identity, shape: [rank, rank], init });
  }
  return [...constants.values()];
}

function initialValues(
  targets: Iterable<Target>,
  o: LoraOptions,
  read: TensorReader,
): ReadonlyMap<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  if (o.init_lora_weights !== "pissa" && !o.use_dora) return values;
  for (const target of targets) {
    const names = namesOf(target);
    const { site, rank } = target;
    const loaded = read(`${site.name}.weight`);
    let base = loaded;
    if (o.init_lora_weights === "pissa") {
      const { a, b, residual } = principal(target, loaded);
      values.set(names.a, a).set(names.b, b);
      values.set(`${site.name}.weight`, base = residual);
    }
    if (!o.use_dora) continue;
    // at the start the update changes nothing: the norms are those of the loaded weight
    values.set(names.magnitude, outputNorms(site, loaded, null));
    values.set(names.squares, outputSquares(site, base));
    values.set(names.identity, identityOf(rank));
  }
  return values;
}

function identityOf(n: number): Float32Array {
  const values = new Float32Array(n * n);
  for (let i = 0; i < n; i++) values[i * n + i] = 1;
  return values;
}

function lowRank(target: Target, read: TensorReader): LowRank {
  const names = namesOf(target);
  return {
    a: read(names.a),
    b: read(names.b),
    rank: target.rank,
    scale: target.scale,
  };
}

/** dropout(x) A^T: (N, r). */
function down(
  context: AdaptContext,
  a: Tensor,
  o: LoraOptions,
): Tensor {
  const { graph, x, training, rowKeys, stream } = context;
  const dropped = training
    ? dropout(graph, x, rowKeys, { p: o.lora_dropout, stream })
    : x;
  return matmul(graph, dropped, a, { layout: "NT" });
}

function loraLinear(
  context: AdaptContext,
  target: Target,
  o: LoraOptions,
): Tensor {
  const { graph, x, weight, bias, addend, site } = context;
  const names = namesOf(target);
  const base = matmul(graph, x, weight, {
    layout: site.layout,
    bias,
    addend,
    exact: site.exact,
  });
  const h = down(context, context.parameter(names.a), o);
  return matmul(graph, h, context.parameter(names.b), {
    layout: "NT",
    alpha: target.scale,
    addend: base,
  });
}

/**
 * factor * (x W^T + s dropout(x) A^T B^T) + bias. PEFT also drops inputs of W itself where the factor is
 * not 1; here dropout is on the low-rank path only, as in LoRA.
 */
function doraLinear(
  context: AdaptContext,
  target: Target,
  o: LoraOptions,
): Tensor {
  const { graph, x, weight, bias, addend, site } = context;
  const names = namesOf(target);
  const tensors = {
    a: context.parameter(names.a),
    b: context.parameter(names.b),
    magnitude: context.parameter(names.magnitude),
    squares: context.parameter(names.squares),
    identity: context.parameter(names.identity),
  };
  const factor = graph.scope(
    "magnitude",
    () => magnitudeFactor(context, tensors, target.scale),
  );
  const direction = matmul(graph, down(context, tensors.a, o), tensors.b, {
    layout: "NT",
    alpha: target.scale,
    addend: matmul(graph, x, weight, {
      layout: site.layout,
      exact: site.exact,
    }),
  });
  return scaleColumns(graph, direction, factor, { bias, addend });
}
