/**
 * Reads a GGUF file back: its weights by the names and in the order of the model, its settings as `config.json`.
 * @module
 */
import {
  DataError,
  type ExportReadBack,
  type ExportRequest,
  type ExportTensor,
  type Json,
} from "@denotune/denotune/core";
import { f32 } from "./blocks/mod.ts";
import { type GgufFile, openGguf, type ReadValue } from "./file/read_gguf.ts";
import type { GgufValue } from "./file/value.ts";
import { type Quantization, QUANTIZATIONS } from "./model/choose_types.ts";
import type { Layout, TensorRule } from "./model/layout.ts";
import { movedBack, shapeInFile } from "./model/moves.ts";
import { readText } from "./text/text_metadata.ts";
import { planOf } from "./write_model.ts";

/** Numbers that are compared at a time. */
const PIECE = 1 << 20;

/** Opens a file. `bounds` gets the largest errors that turned weights may have. */
export async function readModel(
  path: string,
  { request, quantization, bounds }: {
    readonly request: ExportRequest;
    readonly quantization: Quantization;
    readonly bounds: Map<string, number>;
  },
): Promise<ExportReadBack> {
  const plan = planOf(request, quantization);
  using held = new DisposableStack();
  const file = held.use(await openGguf(path));
  const other: { [key: string]: Json } = {
    ...otherSettings(file, plan.layout),
    ...otherConstants(file, plan.layout),
  };
  const tensors: (ExportTensor & { readonly storage: string })[] = [];
  const known = new Set(Object.keys(plan.layout.constants));
  for (const { source, rules } of plan.tensors) {
    const [rule, ...copies] = rules;
    for (const { name } of rules) known.add(name);
    const found = file.tensors.get(rule.name);
    if (found === undefined) continue; // whoever compares names what is missing
    tensors.push({
      ...readBack(file, { source, rule }),
      storage: found.type.name,
    });
    for (const copy of copies) {
      if (!sameBytes(file, rule.name, copy.name)) {
        other[`${copy.name}, a copy of ${source.name},`] = "something else";
      }
    }
    const { type } = QUANTIZATIONS[quantization];
    if (rule.transposed && type.size > 1) {
      bounds.set(source.name, type.relative * await largest(source));
    }
  }
  for (const [name, tensor] of file.tensors) {
    if (known.has(name)) continue;
    tensors.push({
      name,
      shape: tensor.shape,
      storage: tensor.type.name,
      read: (start, count) => file.readBlocks(tensor, start, count),
    });
  }
  const owned = held.move();
  return {
    tensors,
    config: { ...request.model.spec.config, ...other },
    text: readText(file.metadata, request.text, plan.vocabulary),
    [Symbol.dispose]: () => owned.dispose(),
  };
}

function readBack(
  file: GgufFile,
  { source, rule }: {
    readonly source: ExportTensor;
    readonly rule: TensorRule;
  },
): ExportTensor {
  const tensor = file.tensors.get(rule.name);
  const shape = shapeInFile(source.shape, rule);
  if (tensor === undefined || tensor.shape.join() !== shape.join()) {
    throw new DataError(
      `Cannot read ${file.path}: tensor ${rule.name} has the shape ${
        tensor?.shape.join(" x ")
      }, and ${shape.join(" x ")} is needed`,
    );
  }
  const columns = shape.length === 1 && rule.view !== undefined
    ? 1
    : shape.at(-1) ?? 1;
  return movedBack({
    name: source.name,
    shape: source.shape,
    rule,
    readRows: (row, count) =>
      file.readBlocks(tensor, row * columns, count * columns),
  });
}

/** The largest number of a tensor, by size. */
async function largest(tensor: ExportTensor): Promise<number> {
  const count = tensor.shape.reduce((a, b) => a * b, 1);
  let most = 0;
  for (let at = 0; at < count; at += PIECE) {
    for (const value of await tensor.read(at, Math.min(PIECE, count - at))) {
      most = Math.max(most, Math.abs(value));
    }
  }
  return most;
}

function sameBytes(file: GgufFile, a: string, b: string): boolean {
  const [first, second] = [file.tensors.get(a), file.tensors.get(b)];
  if (first === undefined || second === undefined) return false;
  if (first.shape.join() !== second.shape.join()) return false;
  const count = first.shape.reduce((x, y) => x * y, 1);
  // both may be stored in other ways: their numbers are near, not the same
  if (first.type !== second.type) return true;
  for (let at = 0; at < count; at += PIECE) {
    const n = Math.min(PIECE, count - at);
    const values = file.readBlocks(first, at, n).slice();
    if (file.readBlocks(second, at, n).some((v, i) => v !== values[i])) {
      return false;
    }
  }
  return true;
}

/** Settings of the file that are not as the model's part says them, by their keys there. */
function otherSettings(
  file: GgufFile,
  { architecture, settings }: Layout,
): { [key: string]: Json } {
  const other: { [key: string]: Json } = {};
  const compare = (key: string, wanted: GgufValue): void => {
    const found = file.metadata.get(key);
    if (found === undefined || !isSame(found, wanted)) {
      other[key] = jsonOf(found);
    }
  };
  compare("general.architecture", { string: architecture });
  for (const [key, value] of Object.entries(settings)) {
    compare(`${architecture}.${key}`, value);
  }
  for (const [key, value] of file.metadata) {
    const [first, ...rest] = key.split(".");
    if (first === architecture && settings[rest.join(".")] === undefined) {
      other[key] = jsonOf(value);
    }
  }
  return other;
}

function isSame(found: ReadValue, wanted: GgufValue): boolean {
  if ("f32" in wanted) return found === Math.fround(wanted.f32);
  if ("u32s" in wanted) {
    return typeof found === "object" && found.join() === wanted.u32s.join();
  }
  return found === Object.values(wanted)[0];
}

function jsonOf(value: ReadValue | undefined): Json {
  if (value === undefined) return null;
  if (typeof value === "bigint") return Number(value);
  return typeof value === "object" ? value.map(jsonOf) : value;
}

function otherConstants(
  file: GgufFile,
  { constants }: Layout,
): { [key: string]: Json } {
  const other: { [key: string]: Json } = {};
  for (const [name, wanted] of Object.entries(constants)) {
    const tensor = file.tensors.get(name);
    const count = tensor?.shape.reduce((a, b) => a * b, 1);
    const values = tensor === undefined || tensor.type !== f32 ||
        count !== wanted.length
      ? []
      : [...file.readBlocks(tensor, 0, count)];
    if (
      values.length !== wanted.length ||
      values.some((v, i) => v !== Math.fround(wanted[i]))
    ) other[name] = values;
  }
  return other;
}
