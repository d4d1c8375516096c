import type { KindTemplate } from "../kind_template.ts";

/** Low-rank updates beside every linear layer. */
export const adapter: KindTemplate = {
  does:
    "An adapter for denotune: low-rank updates beside every linear layer (LoRA).",
  part: `/** Low-rank updates beside every linear layer. @module */
import {
  definePart,
  definePlugin,
  matmul,
  type Plugin,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  r: z.int().min(1).default(8).describe("Rank of the updates"),
  alpha: z.number().default(16).describe("Updates are scaled by alpha / r"),
});

const part = definePart({
  kind: "adapter",
  name: "NAME",
  description: "y = x W^T + (alpha / r) x A^T B^T at every linear layer",
  options,
  create: ({ r, alpha }) => ({
    attach({ sites }) {
      // sites are the named places where a model makes its weights
      const linear = new Map(
        sites.flatMap((found) =>
          found.kind === "linear"
            ? [[found.site.name, found.site] as const]
            : []
        ),
      );
      // names as PEFT has them
      const own = (site: string, of: "A" | "B") =>
        \`base_model.model.\${site}.lora_\${of}.weight\`;
      return {
        parameters: [...linear.values()].flatMap((site) => [
          {
            name: own(site.name, "A"),
            shape: [r, site.in],
            init: { kind: "normal", std: 1 / r },
          },
          // zero: at its start an adapter changes nothing
          {
            name: own(site.name, "B"),
            shape: [site.out, r],
            init: { kind: "zeros" },
          },
        ]),
        // while these are zero, the adapter is off
        switches: [...linear.keys()].map((name) => own(name, "B")),
        trainsBase: () => false, // biases or norms of the base
        // from x (N, in) to (N, out); null: as it is without an adapter
        linear(context) {
          const { graph, x, weight, bias, addend, site } = context;
          if (!linear.has(site.name)) return null;
          const { layout, exact } = site;
          const y = matmul(graph, x, weight, { layout, exact, bias, addend });
          const a = context.parameter(own(site.name, "A")); // (r, in)
          const b = context.parameter(own(site.name, "B")); // (out, r)
          const h = matmul(graph, x, a, { layout: "NT" }); // (N, r)
          return matmul(graph, h, b, {
            layout: "NT",
            alpha: alpha / r,
            addend: y,
          });
        },
        // the weight with the update in it; null: it stays as it is
        merged(weight, read) {
          const name = weight.replace(/\\.weight$/, "");
          const site = linear.get(name);
          if (site === undefined || weight === name) return null;
          const [a, b] = [read(own(name, "A")), read(own(name, "B"))];
          return read(weight).map((value, at) => {
            // "NT" is (out, in), "NN" (in, out)
            const [o, i] = site.layout === "NT"
              ? [Math.floor(at / site.in), at % site.in]
              : [at % site.out, Math.floor(at / site.out)];
            let sum = 0;
            for (let k = 0; k < r; k++) {
              sum += b[o * r + k] * a[k * site.in + i];
            }
            return value + alpha / r * sum;
          });
        },
        // adapter_config.json: PEFT, and the adapter lora, read it
        config: ({ path, revision }) => ({
          peft_type: "LORA",
          task_type: "CAUSAL_LM",
          base_model_name_or_path: path,
          revision,
          r,
          lora_alpha: alpha,
          target_modules: [...linear.keys()],
        }),
        savedName: (weight) => \`base_model.model.\${weight}\`,
      };
    },
  }),
});
`,
  test: `import { makePart, testAdapter } from "@denotune/denotune/testing";
import plugin from "./mod.ts";

// what every adapter must do: neutral start, slopes, the same when merged
testAdapter(plugin.name, () => makePart(plugin, "adapter", { r: 3 }));
`,
  run: {
    more: `adapter: { use: NAME, r: 4 }
optimizer: { use: adamw, learning_rate: 0.003 }`,
  },
};
