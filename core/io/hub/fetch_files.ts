/**
 * A set of files of a repository, in a snapshot of the cache: what is there stays, the rest is downloaded.
 * @module
 */
import { join } from "node:path";
import { DataError } from "../../contracts/errors.ts";
import { some } from "../model_folder.ts";
import type { HubAccess } from "./access.ts";
import { linkBlob, sizeOf, whyUnsafe } from "./cache_files.ts";
import { checkSpace } from "./disk.ts";
import { arrived, blobPath, downloadBlob } from "./download.ts";
import { nounOf, type RemoteFile, type Repository } from "./repository.ts";

/** Downloads at a time. */
const AT_ONCE = 4;

/** Folder of the files of a repository's commit. */
export function snapshotFolder(repository: Repository): string {
  return join(repository.folder, "snapshots", repository.commit);
}

/**
 * Brings files into the snapshot. Returns its folder. Throws `DataError`: offline and files missing,
 * names that lead elsewhere, wrong checksums; `DeviceError`: no space, no network.
 */
export async function fetchFiles(
  repository: Repository,
  files: readonly RemoteFile[],
  access: HubAccess,
): Promise<string> {
  const folder = snapshotFolder(repository);
  const what = `${nounOf(repository.kind)} ${repository.id}`;
  for (const { path } of files) {
    const unsafe = whyUnsafe(path);
    if (unsafe !== null) {
      throw new DataError(
        `The ${what} has a file ${
          JSON.stringify(path)
        }, which ${unsafe}; it is not written to the cache`,
      );
    }
  }
  const missing: RemoteFile[] = [];
  for (const file of files) {
    if (await sizeOf(join(folder, file.path)) !== file.size) missing.push(file);
  }
  const absent: RemoteFile[] = [];
  let needed = 0;
  for (const file of missing) {
    if (await sizeOf(blobPath(repository, file)) === file.size) continue;
    absent.push(file);
    needed += Math.max(0, file.size - await arrived(repository, file));
  }
  if (access.offline && absent.length > 0) {
    throw new DataError(
      `${absent.length} files of the ${what} (commit ${
        repository.commit.slice(0, 8)
      }) are not in ${access.cacheDir}, and HF_HUB_OFFLINE is set: ${
        some(absent.map((f) => f.path))
      }; unset it, or copy them there`,
    );
  }
  await checkSpace(needed, `${absent.length} files of the ${what}`, access);
  const left = [...missing];
  const failure = new AbortController();
  const together = {
    ...access,
    signal: access.signal === undefined
      ? failure.signal
      : AbortSignal.any([access.signal, failure.signal]),
  };
  const worker = async () => {
    for (let file = left.shift(); file !== undefined; file = left.shift()) {
      try {
        const blob = await downloadBlob(repository, file, together);
        await linkBlob(blob, join(folder, file.path));
      } catch (error) {
        failure.abort(error); // the others stop; what they have is kept
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(
    Array.from({ length: Math.min(AT_ONCE, missing.length) }, worker),
  );
  if (failure.signal.aborted) throw failure.signal.reason;
  for (const result of results) {
    if (result.status === "rejected") throw result.reason;
  }
  return folder;
}
