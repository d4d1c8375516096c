/**
 * Matrix products on WebGPU: every tile that the tuner knows, each checked against the plain product.
 * Run: `deno run -A tests/bench/webgpu_matmul.ts [MxNxK ...] [--layout NN,NT,TN] [--dtype f32|bf16|f16] [--all]`
 * @module
 */
import { parseArgs } from "node:util";
import { tuneWebgpu } from "../../backends/webgpu/mod.ts";

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    layout: { type: "string", default: "NN,NT,TN" },
    dtype: { type: "string", default: "f32" },
    all: { type: "boolean", default: false },
  },
});
const sizes = positionals.length > 0
  ? positionals
  : ["4096x4096x4096", "8192x768x768", "8192x3072x768", "768x3072x8192"];
const dtype = values.dtype === "bf16" || values.dtype === "f16"
  ? values.dtype
  : "f32";
const shapes = sizes.flatMap((size) => {
  const [m, n, k] = size.split("x").map(Number);
  return values.layout.split(",").flatMap((layout) =>
    layout === "NN" || layout === "NT" || layout === "TN"
      ? [{ layout, dtype, batch: 1, m, n, k } as const]
      : []
  );
});

const result = await tuneWebgpu({
  shapes,
  folder: null,
  onShape({ shape, best, builtIn, candidates }) {
    const { layout, m, n, k } = shape;
    const rate = (seconds: number) =>
      (2 * m * n * k / seconds / 1e12).toFixed(5).padStart(8);
    console.log(`${layout} ${m} x ${n} x ${k} ${shape.dtype}`);
    if (builtIn !== null) {
      console.log(rate(builtIn.seconds), "TFLOP/s built in:", builtIn.name);
    }
    if (best !== null) {
      console.log(rate(best.seconds), "TFLOP/s tuned:   ", best.name);
    }
    if (!values.all) return;
    for (const c of candidates) {
      console.log("  ", rate(c.seconds), c.name, c.refused ?? "");
    }
  },
});
console.log("adapter:", result.adapter);
Deno.exit(0); // the GPU's threads would keep the process
