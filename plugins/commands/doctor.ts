/**
 * `denotune doctor`
 * @module
 */
import {
  askedRegistry,
  cacheFolder,
  type Command,
  ConfigError,
  configFolder,
  createPart,
  type Creating,
  creatingWith,
  defineCommand,
  DeviceError,
  environmentVariable,
  examplePlan,
  hubCacheFolder,
  isGranted,
  type Json,
  messageOf,
  modelNeeds,
  type Output,
  type Plan,
  showBytes,
  showWhole,
  VERSION,
} from "@denotune/denotune/core";
import { z } from "zod";

/** What a backend says of itself. */
interface BackendState {
  readonly name: string;
  readonly available: boolean;
  /** Whether `backend: auto` would take it. */
  readonly auto: boolean;
  /** The hardware, or why it cannot run. */
  readonly description: string;
  readonly memory_bytes: number | null;
  readonly largest_buffer_bytes: number | null;
  /** Columns of the largest attention head that it trains, or null: any. */
  readonly largest_head: number | null;
  /** What would make it faster, or null. */
  readonly advice: string | null;
  /** The devices among which its options choose; empty: nothing to choose. */
  readonly devices: readonly string[];
}

/** What a collective says of itself. */
interface CollectiveState {
  readonly name: string;
  readonly available: boolean;
  /** The library, or why there is none. */
  readonly description: string;
}

/** What `doctor --json` prints. */
interface Diagnosis {
  readonly denotune: string;
  readonly deno: string;
  readonly system: string;
  readonly cores: number;
  /** Null: this process may not know. */
  readonly memory:
    | { readonly total: number; readonly available: number }
    | null;
  readonly permissions: Readonly<Record<string, string>>;
  readonly backends: readonly BackendState[];
  /** The backend that `auto` takes, or null where none can run. */
  readonly auto: string | null;
  /** What joins processes that train together, by name. */
  readonly collectives: readonly CollectiveState[];
  readonly cache: string;
  /** Folder of the user's list of trusted plugins and of what was trusted; null: none is known. */
  readonly config: string | null;
  readonly hub_cache: string;
}

const options = z.strictObject({
  json: z.boolean().default(false).describe("as JSON"),
  tune: z.boolean().default(false).describe(
    "measure tiles of matrix products on the GPU and keep the winners",
  ),
  kernel: z.string().optional().meta({ placeholder: "name" }).describe(
    "print the code that the backends make of a kernel (matmul, attention ...)",
  ),
  attributes: z.string().optional().meta({ placeholder: "json" }).describe(
    `what is not as in the kernel's example: '{"layout":"NN","m":64}'`,
  ),
  backend: z.string().optional().meta({ placeholder: "name" }).describe(
    "with --kernel: the code of this backend alone",
  ),
});

/** `denotune doctor` */
export const doctor: Command = defineCommand({
  details:
    "Shows what a run would find here: Deno, permissions, memory, the backends with their devices (and the BLAS library that `cpu` uses), the MPI library that several processes would use, and the folders of caches. Exits with 1 where no backend can run.",
  options,
  permissions: (_, context) => modelNeeds(context, []),
  async run(flags, context) {
    const creating = creatingWith(await askedRegistry(context));
    if (flags.tune) return await tune(creating, context.out);
    if (flags.kernel !== undefined) {
      const plan = examplePlan(flags.kernel, parseAttributes(flags.attributes));
      return await showSources(plan, {
        creating,
        out: context.out,
        only: flags.backend,
      });
    }
    const found = await diagnose(creating);
    if (flags.json) context.out.line(JSON.stringify(found, null, 2));
    else show(found, context.out);
    if (found.auto === null) context.exitWith(1);
  },
});

/** Tunes every backend that can be tuned. */
async function tune(creating: Creating, out: Output): Promise<void> {
  let tuned = 0;
  for (const name of creating.registry.names("backend")) {
    const backend = await createPart("backend", name, creating);
    if (backend.tune === undefined) continue;
    tuned++;
    await backend.tune((line) => out.line(line));
  }
  if (tuned === 0) throw new DeviceError("No backend here can be tuned");
}

const attributesSchema = z.record(z.string(), z.json());

function parseAttributes(text = "{}"): Readonly<Record<string, Json>> {
  try {
    return attributesSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new ConfigError(
      `Cannot read --attributes: ${text} is no JSON object, as {"layout": "NN", "m": 64} is`,
      { cause },
    );
  }
}

/** Prints what every backend makes of a plan's kernels. */
async function showSources(
  plan: Plan,
  { creating, out, only }: {
    readonly creating: Creating;
    readonly out: Output;
    readonly only: string | undefined;
  },
): Promise<void> {
  const names = creating.registry.names("backend");
  let shown = 0;
  for (const name of only === undefined ? names : [only]) {
    const backend = await createPart("backend", name, creating);
    for (const source of await backend.source?.(plan) ?? []) {
      if (shown++ > 0) out.line("");
      const title = `${source.name} (${source.language} of ${name})`;
      out.line(out.style("dim", `// ${title}`));
      out.line(source.text.trimEnd());
    }
  }
  if (shown === 0) {
    throw new DeviceError(
      only === undefined
        ? "No backend here makes code of its own"
        : `The backend ${only} makes no code of its own`,
    );
  }
}

const PERMISSIONS = [
  "read",
  "write",
  "net",
  "env",
  "sys",
  "ffi",
  "run",
] as const;

async function diagnose(creating: Creating): Promise<Diagnosis> {
  const permissions: Record<string, string> = {};
  for (const name of PERMISSIONS) {
    permissions[name] = (await Deno.permissions.query({ name })).state;
  }
  const backends: BackendState[] = [];
  for (const name of creating.registry.names("backend")) {
    backends.push(await tryBackend(name, creating));
  }
  const memory = isGranted({ name: "sys", kind: "systemMemoryInfo" })
    ? Deno.systemMemoryInfo()
    : null;
  const release = isGranted({ name: "sys", kind: "osRelease" })
    ? ` ${Deno.osRelease()}`
    : "";
  return {
    denotune: VERSION,
    deno: Deno.version.deno,
    system: `${Deno.build.os}${release}, ${Deno.build.arch}`,
    cores: navigator.hardwareConcurrency,
    memory: memory === null
      ? null
      : { total: memory.total, available: memory.available },
    permissions,
    backends,
    auto:
      ["webgpu", "cpu"].find((name) =>
        backends.some((b) => b.name === name && b.auto)
      ) ?? null,
    collectives: await tryCollectives(creating),
    cache: cacheFolder(),
    config: configFolder(),
    hub_cache: hubCacheFolder(environmentVariable),
  };
}

/** What joins processes here; nothing is started. */
async function tryCollectives(creating: Creating): Promise<CollectiveState[]> {
  const states: CollectiveState[] = [];
  for (const name of creating.registry.names("collective")) {
    try {
      const made = await createPart("collective", name, creating);
      const description = await made.describe?.();
      if (description === undefined) continue;
      states.push({ name, available: true, description });
    } catch (error) {
      states.push({ name, available: false, description: messageOf(error) });
    }
  }
  return states;
}

/** Opens the backend's device, so that the report shows what a run gets. */
async function tryBackend(
  name: string,
  creating: Creating,
): Promise<BackendState> {
  const none = {
    memory_bytes: null,
    largest_buffer_bytes: null,
    largest_head: null,
    advice: null,
    devices: [],
  };
  try {
    const backend = await createPart("backend", name, creating);
    const state = await backend.available({ explicit: true });
    if (!state.ok) {
      return {
        name,
        available: false,
        auto: false,
        description: state.reason,
        ...none,
      };
    }
    await using device = await backend.open();
    return {
      name,
      available: true,
      auto: (await backend.available({ explicit: false })).ok,
      description: device.info.description,
      memory_bytes: device.info.memoryBytes,
      largest_buffer_bytes: device.info.maxBufferBytes,
      largest_head: device.info.largestHead ?? null,
      advice: device.info.advice ?? null,
      devices: backend.devices?.() ?? [],
    };
  } catch (error) {
    return {
      name,
      available: false,
      auto: false,
      description: messageOf(error),
      ...none,
    };
  }
}

function show(found: Diagnosis, out: Output): void {
  const entry = (name: string, text: string) =>
    out.line(`${out.style("dim", name.padEnd(12))} ${text}`);
  entry("denotune", found.denotune);
  entry("Deno", found.deno);
  entry("system", `${found.system}, ${found.cores} cores`);
  entry(
    "memory",
    found.memory === null
      ? "not known without --allow-sys=systemMemoryInfo"
      : `${showBytes(found.memory.available)} free of ${
        showBytes(found.memory.total)
      }`,
  );
  entry(
    "permissions",
    Object.entries(found.permissions).map(([name, state]) =>
      state === "granted" ? name : `${name} (${state})`
    ).join(", "),
  );
  found.backends.forEach((backend, i) => {
    const mark = backend.available
      ? out.style("good", "ok")
      : out.style("bad", "no");
    const memory = backend.memory_bytes === null
      ? ""
      : `, ${showBytes(backend.memory_bytes)} for a run`;
    const head = backend.largest_head === null
      ? ""
      : `, attention heads of up to ${showWhole(backend.largest_head)}`;
    entry(
      i === 0 ? "backends" : "",
      `${mark}  ${backend.name}: ${backend.description}${memory}${head}`,
    );
    if (backend.advice !== null) entry("", backend.advice);
    if (backend.devices.length > 1) {
      for (const device of backend.devices) entry("", `    adapter ${device}`);
    }
  });
  entry("auto", found.auto ?? out.style("bad", "no backend can run here"));
  for (const { name, available, description } of found.collectives) {
    const mark = available ? out.style("good", "ok") : out.style("dim", "no");
    entry("parallel", `${mark}  ${name}: ${description}`);
  }
  entry("cache", found.cache);
  entry("config", found.config ?? "no folder: set XDG_CONFIG_HOME or HOME");
  entry("Hub cache", found.hub_cache);
}
