/**
 * The tensors of an adapter as inputs of a graph: a safetensors file that a page reads in a few lines. Factors that the
 * graph does not have (LoRA's alpha / r) are multiplied in, so that adapters of any rank and factor fit one graph; the
 * metadata says by how much.
 * @module
 */
import {
  type ExportReadBack,
  type ExportRequest,
  SafetensorsFile,
  writeSafetensors,
} from "@denotune/denotune/core";
import { join } from "node:path";

/** Folder of adapters. */
export const ADAPTERS = "adapters";

/** Key of the factors in the metadata. */
const SCALES = "denotune.scales";

function nameOf({ name }: Pick<ExportRequest, "name">): string {
  return `${ADAPTERS}/${name.replaceAll(/[^\w.-]/g, "_")}.safetensors`;
}

/** Writes the adapter of a request; gives the name of its file. */
export async function writeAdapter(
  request: ExportRequest,
  scales: ReadonlyMap<string, number>,
): Promise<string> {
  const { folder, adapter } = request;
  const name = nameOf(request);
  await Deno.mkdir(join(folder, ADAPTERS), { recursive: true });
  const tensors = (adapter?.tensors ?? []).map((tensor) => ({
    name: tensor.name,
    shape: tensor.shape,
    async read(start: number, count: number) {
      const values = await tensor.read(start, count);
      const scale = scales.get(tensor.name) ?? 1;
      return scale === 1 ? values : values.map((v) => v * scale);
    },
  }));
  await writeSafetensors(join(folder, name), tensors, {
    dtype: "F32",
    metadata: {
      format: "pt",
      [SCALES]: JSON.stringify(Object.fromEntries(scales)),
      adapter_config: JSON.stringify(adapter?.config ?? {}),
    },
  });
  return name;
}

/** Opens the adapter of a request. */
export function readAdapter(
  request: Pick<ExportRequest, "folder" | "name">,
): SafetensorsFile {
  return new SafetensorsFile(join(request.folder, nameOf(request)));
}

/** Its tensors as they were trained. */
export function adapterTensors(
  { tensors, metadata }: SafetensorsFile,
): ExportReadBack["tensors"] {
  const scales: Record<string, number> = JSON.parse(metadata[SCALES] ?? "{}");
  return [...tensors.values()].map((tensor) => ({
    name: tensor.name,
    shape: tensor.shape,
    storage: "f32",
    read(start, count) {
      const scale = scales[tensor.name] ?? 1;
      const values = tensor.read({ start, count });
      return scale === 1 ? values : values.map((v) => v / scale);
    },
  }));
}
