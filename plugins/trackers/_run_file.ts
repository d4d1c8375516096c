/**
 * Files that trackers write into the run's folder.
 * @module
 */
import { DeviceError } from "@denotune/denotune/core";
import { z } from "zod";

/** Options of a tracker that writes one file. */
export interface FileOptions {
  readonly file: string;
}

/** The options, with the file's usual name. */
export function fileOptions(
  name: string,
): z.ZodType<FileOptions, Partial<FileOptions>> {
  return z.strictObject({
    file: z.string().regex(
      /^[^/\\]+$/,
      "must be a file's name, without a folder",
    ).default(name).describe("Name of the file in the run's folder"),
  });
}

/** Does what a tracker does with its file; `what` says it: `write outputs/a/metrics.csv`. Throws `DeviceError`. */
export function withFile<T>(tracker: string, what: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DeviceError(
      `Cannot ${what}: ${reason}. Free the disk or make the folder writable, or remove ${tracker} from \`trackers\``,
      { cause },
    );
  }
}
