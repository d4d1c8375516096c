/**
 * A model of the Hub: which of its files are needed, and bringing them here.
 * @module
 */
import { join } from "node:path";
import { DataError } from "../../contracts/errors.ts";
import { isObject, readJsonObject } from "../json_file.ts";
import { isPlainName, some } from "../model_folder.ts";
import { hubAccess, type HubOptions } from "./access.ts";
import { kindAt } from "./local.ts";
import { fetchFiles, snapshotFolder } from "./fetch_files.ts";
import {
  openRepository,
  type RemoteFile,
  type Repository,
} from "./repository.ts";

/** A repository's files on this disk. */
export interface Snapshot {
  /** Absolute folder. */
  readonly folder: string;
  /** The commit, 40 hexadecimal digits. */
  readonly commit: string;
}

const INDEX = "model.safetensors.index.json";
const SIDE_FILES =
  /^(config|generation_config|tokenizer[\w.-]*|special_tokens_map|added_tokens|vocab|adapter_config)\.json$|^merges\.txt$|^chat_template(\.\w+)*$/;

/**
 * Brings a model here: `config.json`, tokenizer files, chat templates, and the weights as safetensors,
 * nothing else. What the cache has is not asked for again. Throws `DataError` for what is not there,
 * `DeviceError` for networks and disks.
 */
export async function fetchModel(
  request: { readonly id: string; readonly revision: string },
  options: HubOptions = {},
): Promise<Snapshot> {
  const access = hubAccess(options);
  const repository = await openRepository(
    { ...request, kind: "model" },
    access,
  );
  const { commit, files } = repository;
  const folder = snapshotFolder(repository);
  // offline, and never listed: the reader of the folder reports missing files
  if (files === null) {
    await checkCached(folder, repository);
    return { folder, commit };
  }
  const top = files.filter((f) => !f.path.includes("/"));
  const side = top.filter((f) => SIDE_FILES.test(f.path));
  if (!side.some((f) => /^(adapter_)?config\.json$/.test(f.path))) {
    throw new DataError(
      `The Hub's ${repository.id} holds no model that can be read: it has no config.json (it has ${
        some(files.map((f) => f.path))
      })`,
    );
  }
  const index = top.find((f) => f.path === INDEX);
  const usesIndex = index !== undefined &&
    !top.some((f) => f.path === "model.safetensors");
  const weights = usesIndex
    ? await shardsOf(repository, index, async () => {
      await fetchFiles(repository, [index], access);
    })
    : weightFiles(repository, top);
  await fetchFiles(repository, [...side, ...weights], access);
  return { folder, commit };
}

function weightFiles(
  { id }: Repository,
  top: readonly RemoteFile[],
): RemoteFile[] {
  const isAdapter = !top.some((f) => f.path === "config.json");
  if (isAdapter) {
    return top.filter((f) => f.path === "adapter_model.safetensors");
  }
  const whole = top.find((f) => f.path === "model.safetensors");
  if (whole !== undefined) return [whole];
  const found = top.filter((f) =>
    f.path.endsWith(".safetensors") &&
    !/^(adapter_|consolidated)/.test(f.path)
  );
  if (found.length > 0) return found;
  const other = top.find((f) =>
    /\.(bin|pth?|h5|msgpack|gguf|ckpt)$/.test(f.path)
  );
  throw new DataError(
    `The Hub's ${id} has no weights as safetensors${
      other === undefined
        ? ""
        : `, only files such as ${other.path}, which are not read; look for a converted copy, or convert it: in Python, AutoModelForCausalLM.from_pretrained("${id}").save_pretrained("...")`
    }`,
  );
}

/** The index and the shards that it names. */
async function shardsOf(
  repository: Repository,
  index: RemoteFile,
  fetchIndex: () => Promise<void>,
): Promise<RemoteFile[]> {
  await fetchIndex();
  const at = join(snapshotFolder(repository), INDEX);
  const map = readJsonObject(at)?.weight_map;
  if (!isObject(map)) {
    throw new DataError(
      `${at} has no weight_map {"tensor": "file.safetensors"}`,
    );
  }
  const names = new Set<string>();
  for (const [tensor, name] of Object.entries(map)) {
    if (
      typeof name !== "string" || !isPlainName(name) ||
      !name.endsWith(".safetensors")
    ) {
      throw new DataError(
        `${at}: tensor ${tensor} should be in ${
          JSON.stringify(name)
        }, which is no name of a safetensors file in the same folder; nothing was downloaded for it`,
      );
    }
    names.add(name);
  }
  const found = repository.files?.filter((f) => names.has(f.path)) ?? [];
  if (found.length < names.size) {
    const there = new Set(found.map((f) => f.path));
    throw new DataError(
      `${at} names files that the Hub's ${repository.id} has not: ${
        some([...names].filter((n) => !there.has(n)))
      }; the repository is incomplete`,
    );
  }
  return [index, ...found];
}

/** What can be known without the list: the weights that must be there. */
async function checkCached(
  folder: string,
  { id, commit }: Repository,
): Promise<void> {
  const has = async (name: string) =>
    await kindAt(join(folder, name)) === "file";
  const missing: string[] = [];
  const isAdapter = await has("adapter_config.json");
  if (!isAdapter && !await has("config.json")) missing.push("config.json");
  const map = readJsonObject(join(folder, INDEX))?.weight_map;
  if (isObject(map) && !await has("model.safetensors")) {
    for (const name of new Set(Object.values(map))) {
      if (
        typeof name === "string" && isPlainName(name) && !await has(name)
      ) missing.push(name);
    }
  }
  if (missing.length > 0) {
    throw new DataError(
      `The model ${id} (commit ${
        commit.slice(0, 8)
      }) is in the cache only in part, and HF_HUB_OFFLINE is set: ${folder} has no ${
        some(missing)
      }; unset it, or copy the files there`,
    );
  }
}
