/**
 * Compiles shaders with Tint, in a browser.
 * @module
 */
import type { Chromium } from "./_chromium.ts";

/**
 * A shader as the specification wants it: one that uses subgroups has to say so, which the compiler of Deno
 * refuses.
 */
export function forTint(wgsl: string): string {
  return /\bsubgroup[A-Z]\w*\(/.test(wgsl)
    ? `enable subgroups;\n${wgsl}`
    : wgsl;
}

/** Shaders of one message to the browser. */
const TOGETHER = 50;

/** What Tint says against each of the shaders: null where nothing. */
export async function tintErrors(
  page: Chromium,
  shaders: readonly string[],
): Promise<(string | null)[]> {
  const halves = await page.evaluate(`(async () => {
    const adapter = await navigator.gpu.requestAdapter();
    const requiredFeatures = ["subgroups", "shader-f16"].filter((f) => adapter.features.has(f));
    self.compiler = await adapter.requestDevice({ requiredFeatures });
    return compiler.features.has("shader-f16");
  })()`);
  const errors: (string | null)[] = [];
  for (let i = 0; i < shaders.length; i += TOGETHER) {
    const codes = shaders.slice(i, i + TOGETHER).map((wgsl) =>
      // an adapter without the feature refuses the shader for that alone
      !halves && wgsl.startsWith("enable f16;") ? "" : forTint(wgsl)
    );
    const found = await page.evaluate(
      `Promise.all(${JSON.stringify(codes)}.map(async (code) => {
      compiler.pushErrorScope("validation");
      const module = compiler.createShaderModule({ code });
      compiler.popErrorScope();
      const { messages } = await module.getCompilationInfo();
      const wrong = messages.filter(({ type }) => type === "error");
      const lines = code.split("\\n");
      return wrong.length === 0 ? null : wrong
        .map(({ message, lineNum }) => message + "\\n    " + lineNum + " > " + lines[lineNum - 1])
        .join("\\n");
    }))`,
    );
    errors.push(...found as (string | null)[]);
  }
  return errors;
}
