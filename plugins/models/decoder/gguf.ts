/**
 * What llama.cpp must know of a dense decoder: its architecture, its settings, and where each weight goes. The
 * exporters `gguf` and `gguf-lora` read it from `ModelSpec.exports.gguf`; their module says what the keys mean. What
 * llama.cpp does not compute is named in `refused`.
 * @module
 */
import {
  type Json,
  type RopeScaling,
  showValue,
} from "@denotune/denotune/core";
import {
  gguf,
  type GgufLayout,
  type GgufTensor,
  Refusals,
} from "./gguf_layout.ts";
import { fromFrequencies, fromSettings } from "./gguf_rope.ts";
import type { DecoderConfig, GgufFamily } from "./types.ts";

/** The layout of a decoder. */
export function ggufLayout(c: DecoderConfig, family: GgufFamily): Json {
  const refused = new Refusals();
  refuseOthers(c, family, refused);
  const rope = ropeOf(c, family, refused);
  const window = windowsOf(c, family, refused);
  const kvHeads = c.mixers === undefined
    ? gguf.u32(c.kvHeads)
    : gguf.u32s(c.mixers.map((mixer) => mixer === null ? c.kvHeads : 0));
  return gguf.layout({
    architecture: family.architecture,
    settings: {
      block_count: gguf.u32(c.layers),
      context_length: gguf.u32(window.context),
      embedding_length: gguf.u32(c.hiddenSize),
      feed_forward_length: gguf.u32(c.intermediateSize),
      "attention.head_count": gguf.u32(c.heads),
      "attention.head_count_kv": kvHeads,
      "attention.key_length": gguf.u32(c.headDim),
      "attention.value_length": gguf.u32(c.headDim),
      "attention.layer_norm_rms_epsilon": gguf.f32(c.eps),
      vocab_size: gguf.u32(c.vocabSize),
      ...rope.settings,
      ...window.settings,
      ...family.settings?.(c, refused),
    },
    tensors: tensorsOf(c, family),
    constants: rope.constants,
    refused: refused.all,
  });
}

/** Names what this architecture of llama.cpp does not compute. */
function refuseOthers(
  c: DecoderConfig,
  family: GgufFamily,
  refused: Refusals,
): void {
  for (const kind of ["qkv", "output", "mlp"] as const) {
    refused.unless(
      !c.biases[kind] || family.biases?.[kind] === true,
      `biases of ${kind === "qkv" ? "q, k and v" : kind}`,
    );
  }
  const wanted = family.activation ?? "silu";
  const name = c.json.hidden_activation ?? c.json.hidden_act ?? wanted;
  const same = {
    silu: ["silu", "swish"],
    gelu_pytorch_tanh: ["gelu_pytorch_tanh", "gelu_new", "gelu_fast"],
  };
  refused.unless(
    same[wanted].some((n) => n === name),
    `the activation ${showValue(name)} (it computes ${wanted})`,
  );
  refused.unless(
    c.qkNorm === (family.qkNorm ?? "none"),
    `norms of queries and keys: ${c.qkNorm}`,
  );
  refused.unless(
    family.freeHeads === true || c.heads * c.headDim === c.hiddenSize,
    `heads of ${c.heads} x ${c.headDim} columns at a width of ${c.hiddenSize}`,
  );
  refused.unless(
    family.factors === true ||
      c.factors.residual === 1 &&
        c.factors.embedding ===
          (family.rootEmbedding ? Math.fround(Math.sqrt(c.hiddenSize)) : 1),
    "factors of embeddings and residuals",
  );
  refused.unless(
    c.scoreCap !== null === (family.caps === "both"),
    `a soft cap of scores: ${showValue(c.scoreCap)}`,
  );
  refused.unless(
    c.logits === null || family.caps !== undefined || family.factors === true,
    "a function of logits",
  );
  refused.unless(
    family.head !== "tied" || c.tied,
    "a head that is not the embedding",
  );
  refused.unless(c.headBias === undefined, "a bias of the head");
  refused.unless(c.bidirectional !== true, "tokens that see later ones");
  refused.unless(
    c.mixers === undefined || family.mixers !== undefined,
    "layers without attention",
  );
}

/** Windows by layer; where the architecture has none, a file's context ends where they would begin to matter. */
function windowsOf(
  c: DecoderConfig,
  family: GgufFamily,
  refused: Refusals,
): { context: number; settings: GgufLayout["settings"] } {
  const sizes = new Set(c.windows.filter((window) => window !== null));
  const [size] = sizes;
  if (!family.windows) {
    const context = Math.min(c.maxPositions, ...sizes);
    return { context, settings: {} };
  }
  const period = Array.from({ length: c.layers + 1 }, (_, n) => n + 1).find(
    (n) => c.windows.every((w, i) => w !== null === i % n < n - 1),
  );
  refused.unless(
    sizes.size <= 1 && period !== undefined,
    `windows of other layers than all but every nth: ${showValue(c.windows)}`,
  );
  return {
    context: c.maxPositions,
    settings: size === undefined
      // a period of 1 leaves no layer a window
      ? family.architecture === "gemma2"
        ? { "attention.sliding_window_pattern": gguf.u32(1) }
        : {}
      : {
        "attention.sliding_window": gguf.u32(size),
        "attention.sliding_window_pattern": gguf.u32(period ?? 1),
      },
  };
}

/** Rotary settings of the layers with full attention, and the base of those with a window. */
function ropeOf(
  c: DecoderConfig,
  family: GgufFamily,
  refused: Refusals,
): Pick<GgufLayout, "settings" | "constants"> {
  const attends = c.ropes.map((_, i) => c.mixers?.[i] == null);
  const { noPositions } = family;
  refused.unless(
    c.ropes.every((rope, i) =>
      !attends[i] ||
      rope === null ===
        (noPositions !== undefined && (i + 1) % noPositions === 0)
    ),
    "which layers have no positions",
  );
  const of = (isWindow: boolean): RopeScaling[] => {
    const found = c.ropes.filter((rope, i) =>
      rope !== null && attends[i] && (c.windows[i] !== null) === isWindow
    ).filter((rope) => rope !== null);
    return [
      ...new Map(found.map((rope) => [JSON.stringify(rope), rope])).values(),
    ];
  };
  const [full, window] = [of(false), of(true)];
  const main = full[0] ?? window[0];
  const dimension = { "rope.dimension_count": gguf.u32(c.headDim) };
  if (main === undefined) return { settings: dimension, constants: {} };
  const own = window[0] ?? main;
  const isPlain = own.type === "default" && own.rotaryDim === undefined;
  refused.unless(
    full.length <= 1 && window.length <= 1 &&
      (family.windows !== true || window.length === 0 ||
        isPlain && (family.windowBase === true || own.theta === main.theta)) &&
      (family.windows === true ||
        new Set([...full, ...window].map((r) => JSON.stringify(r))).size === 1),
    "rotary settings of its own in each kind of layer",
  );
  const { settings, constants } = family.frequencies === undefined
    ? fromSettings(main, refused)
    : fromFrequencies(main, {
      headDim: c.headDim,
      lists: family.frequencies,
      refused,
    });
  return {
    settings: {
      ...dimension,
      ...settings,
      ...(family.windowBase === true
        ? { "rope.freq_base_swa": gguf.f32(own.theta) }
        : {}),
    },
    constants,
  };
}

/** Where each weight goes. */
function tensorsOf(
  c: DecoderConfig,
  family: GgufFamily,
): GgufLayout["tensors"] {
  const { root, norms, qkNorms, gateUp } = c.names;
  const tensors: { [name: string]: GgufTensor[] } = {};
  const offset = c.normOffset === 0 ? {} : { offset: c.normOffset };
  const put = (name: string, tensor: GgufTensor): void => {
    tensors[name] = [...(tensors[name] ?? []), tensor];
  };
  const layer = (
    name: string | null,
    to: string,
    rest: Partial<GgufTensor> = {},
    bias = false,
  ): void => {
    if (name === null) return;
    const at = `${root}.layers.*.${name}`;
    put(`${at}.weight`, { name: `blk.*.${to}.weight`, ...rest });
    if (bias) put(`${at}.bias`, { name: `blk.*.${to}.bias`, ...rest });
  };
  const embedding = `${root}.embed_tokens.weight`;
  put(embedding, { name: "token_embd.weight" });
  if (!c.tied) put("lm_head.weight", { name: "output.weight" });
  else if (family.head === "own") put(embedding, { name: "output.weight" });
  put(`${root}.${c.names.lastNorm}.weight`, {
    name: `${family.lastNorm ?? "output_norm"}.weight`,
    ...offset,
  });
  layer(norms.beforeAttention, "attn_norm", offset);
  layer(norms.afterAttention, "post_attention_norm", offset);
  layer(norms.beforeMlp, "ffn_norm", offset);
  layer(norms.afterMlp, "post_ffw_norm", offset);

  // llama.cpp divides the scores by the root of its own number: what is left over is multiplied into the queries
  const columns = family.scoreColumns?.(c) ?? c.headDim;
  const left = c.factors.scores * Math.sqrt(columns);
  const factor = family.factors === true || Math.abs(left - 1) < 1e-6
    ? {}
    : { factor: left };
  const hasNorms = c.qkNorm !== "none";
  const turned = (heads: number) =>
    family.adjacent === true
      ? { view: [heads, 2, c.headDim / 2], order: [0, 2, 1] }
      : {};
  if (c.names.qkv.length === 1) {
    layer(c.names.qkv[0], "attn_qkv", {}, c.biases.qkv);
  } else {
    const [q, k, v] = c.names.qkv;
    layer(
      q,
      "attn_q",
      { ...turned(c.heads), ...(hasNorms ? {} : factor) },
      c.biases.qkv,
    );
    layer(k, "attn_k", turned(c.kvHeads), c.biases.qkv);
    layer(v, "attn_v", {}, c.biases.qkv);
  }
  if (hasNorms) {
    layer(qkNorms[0], "attn_q_norm", { ...offset, ...factor });
    layer(qkNorms[1], "attn_k_norm", offset);
  }
  layer(c.names.output, "attn_output", {}, c.biases.output);
  if (gateUp.length === 1) layer(gateUp[0], "ffn_up", {}, c.biases.mlp);
  else {
    layer(gateUp[0], "ffn_gate", {}, c.biases.mlp);
    layer(gateUp[1], "ffn_up", {}, c.biases.mlp);
  }
  layer(c.names.down, "ffn_down", {}, c.biases.mlp);
  for (const [name, tensor] of Object.entries(family.mixers ?? {})) {
    put(`${root}.layers.*.${name}`, tensor);
  }
  return tensors;
}
