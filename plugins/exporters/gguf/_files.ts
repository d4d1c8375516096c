/**
 * Names of GGUF files.
 * @module
 */
import { join } from "node:path";
import { ConfigError, type ExportRequest } from "@denotune/denotune/core";

/** `capitals-q4_k_m.gguf` */
export function fileName(
  { name }: Pick<ExportRequest, "name">,
  suffix: string,
): string {
  const plain = name.replace(/[^\w.-]+/g, "-").replace(/^[.-]+/, "");
  return `${plain === "" ? "model" : plain}-${suffix}.gguf`;
}

/** The one GGUF file of a folder. */
export function findFile(folder: string): string {
  const names = [...Deno.readDirSync(folder)].filter((entry) =>
    entry.isFile && entry.name.endsWith(".gguf")
  ).map((entry) => entry.name);
  if (names.length === 1) return join(folder, names[0]);
  throw new ConfigError(
    `Cannot read the export in ${folder}: one GGUF file is needed, and there ${
      names.length === 0 ? "is none" : `are ${names.sort().join(", ")}`
    }`,
  );
}
