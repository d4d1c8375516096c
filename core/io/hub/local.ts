/**
 * Files on this disk.
 * @module
 */
import { isAbsence } from "./hub_cache.ts";

/** What is at a path, links followed: null where there is nothing. */
export async function kindAt(path: string): Promise<"file" | "folder" | null> {
  if (path.includes("\0")) return null; // no system has such a path
  try {
    return (await Deno.stat(path)).isDirectory ? "folder" : "file";
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}
