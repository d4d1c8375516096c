/**
 * Mutated weights, configs and adapters: model.safetensors, config.json, adapter_model.safetensors,
 * adapter_config.json.
 * @module
 */
import { creatingWith } from "../../../core/config/parts/create_part.ts";
import { openRegistry } from "../../../core/config/parts/open_registry.ts";
import { inventoryOf } from "../../../core/engine/model/build_model.ts";
import {
  findAdapterTensors,
  openAdapterFile,
} from "../../../core/io/adapter_file.ts";
import {
  bindAdapter,
  readAdapterConfig,
} from "../../../core/library/adapters.ts";
import { openBase } from "../../../core/library/open_base.ts";
import { baseReader } from "../../../core/run/open/open_model.ts";
import { builtIn } from "../../../plugins/library.ts";
import { mutateBytes, mutateJsonFile, type Random } from "../_mutate.ts";
import { type FuzzTarget, reading } from "../_target.ts";

const GOLDEN = new URL("../../golden/", import.meta.url);
const read = (path: string) => Deno.readFileSync(new URL(path, GOLDEN));

/** Adapters and the bases that they were made for. */
const PAIRS = [
  { base: "models/llama-gqa-untied", adapter: "lora/llama-gqa-untied-dora" },
  { base: "models/gpt2-tied", adapter: "lora/gpt2-tied-patterns" },
  { base: "models/llama", adapter: "lora/llama-both-apart" },
].map(({ base, adapter }) => ({
  "config.json": read(`${base}/config.json`),
  "model.safetensors": read(`${base}/model.safetensors`),
  "adapter_config.json": read(`${adapter}/adapter_config.json`),
  "adapter_model.safetensors": read(`${adapter}/adapter_model.safetensors`),
}));

/** Text or bytes of a file mutated; of weights mostly the header, where all is that can be wrong. */
function mutant(name: string, bytes: Uint8Array, random: Random): Uint8Array {
  if (name.endsWith(".json")) {
    return random.once(3)
      ? mutateBytes(bytes, random)
      : mutateJsonFile(new TextDecoder().decode(bytes), random);
  }
  if (random.once(4)) return mutateBytes(bytes, random);
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const text = new TextDecoder().decode(bytes.subarray(8, 8 + length));
  const header = random.once(2)
    ? mutateJsonFile(text, random)
    : mutateBytes(new TextEncoder().encode(text), random);
  const file = new Uint8Array(8 + header.length + bytes.length - 8 - length);
  const announced = random.once(8) ? length : header.length;
  new DataView(file.buffer).setBigUint64(0, BigInt(announced), true);
  file.set(header, 8);
  file.set(bytes.subarray(8 + length), 8 + header.length);
  return file;
}

/** Opens base and adapter, and reads every number of both. */
export const target: FuzzTarget = {
  async attempt(random, folder) {
    const files = Object.entries(random.pick(PAIRS));
    const [chosen] = random.pick(files);
    for (const [name, bytes] of files) {
      const content = name === chosen ? mutant(name, bytes, random) : bytes;
      await Deno.writeFile(`${folder}/${name}`, content);
    }
    return await reading(async () => {
      const registry = await openRegistry(builtIn);
      const creating = creatingWith(registry, { base: folder });
      using model = await openBase(
        { base: folder, adapters: [folder] },
        creating,
      );
      const { path, attached, model: bound } = await bindAdapter(
        { path: folder, config: readAdapterConfig(folder) },
        model,
        creating,
      );
      const { weights } = inventoryOf(bound.spec, 2);
      const numbers = baseReader(bound, weights, 0);
      for (const { name } of weights) numbers(name);
      using file = openAdapterFile(path);
      for (const t of findAdapterTensors(file, attached, weights).values()) {
        t.read();
      }
    });
  },
};
