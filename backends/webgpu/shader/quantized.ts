/**
 * Functions that widen elements of quantised matrices, in WGSL; `core/graph/quantize/layout.ts` defines
 * the layout.
 * @module
 */
import {
  int8Layout,
  NF4_BLOCK,
  NF4_GROUP,
  nf4Layout,
  type QuantizedShape,
} from "@denotune/denotune/device";

/** Names of the functions of a tensor: one element, and four side by side. */
export function widenNames(tensor: string): { one: string; four: string } {
  return { one: `${tensor}_widened`, four: `${tensor}_widened4` };
}

/** The functions. `word` gives the matrix's 32-bit word at an index, as `u32`. */
export function widenFunctions(
  tensor: string,
  shape: QuantizedShape,
  word: (index: string) => string,
): string {
  const { one, four } = widenNames(tensor);
  const number = (index: string) => `bitcast<f32>(${word(index)})`;
  if (shape.format === "int8") {
    const { scales } = int8Layout(shape);
    const scale = (i: string) =>
      number(`${scales}u + (${i}) / ${shape.columns}u`);
    const code = (word: string, at: string) =>
      `f32(extractBits(bitcast<i32>(${word}), ${at}, 8u))`;
    return `fn ${one}(i: u32) -> f32 {
  return ${code(word("i >> 2u"), "(i & 3u) * 8u")} * ${scale("i")};
}
fn ${four}(i: u32) -> vec4<f32> {
  let word = ${word("i")};
  return vec4<f32>(${
      [0, 8, 16, 24].map((at) => code("word", `${at}u`)).join(", ")
    }) * ${scale("i * 4u")};
}`;
  }
  const { absmax, groups, offset, map, levels } = nf4Layout(shape);
  return `fn ${tensor}_scale(block: u32) -> f32 {
  let size = (${
    word(`${absmax}u + (block >> 2u)`)
  } >> ((block & 3u) * 8u)) & 255u;
  let product = ${number(`${map}u + size`)} * ${
    number(`${groups}u + block / ${NF4_GROUP}u`)
  };
  return product + ${number(`${offset}u`)};
}
fn ${one}(i: u32) -> f32 {
  let code = (${word("i >> 3u")} >> ((i & 7u) * 4u)) & 15u;
  return ${number(`${levels}u + code`)} * ${tensor}_scale(i / ${NF4_BLOCK}u);
}
fn ${four}(i: u32) -> vec4<f32> {
  let codes = ${word("i >> 1u")} >> ((i & 1u) * 16u);
  return vec4<f32>(${
    [0, 4, 8, 12].map((at) => number(`${levels}u + ((codes >> ${at}u) & 15u)`))
      .join(", ")
  }) * ${tensor}_scale(i / ${NF4_BLOCK / 4}u);
}`;
}
