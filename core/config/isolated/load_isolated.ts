/**
 * A plugin whose parts run in a process without permissions: its manifest gives parts that look like any others;
 * options are checked, and parts are made and called, in the process.
 * @module
 */
import { PluginError } from "../../contracts/errors.ts";
import type {
  OptionsSchema,
  ValidationResult,
} from "../../contracts/options.ts";
import type { AnyPart, Host, KindMap, Plugin } from "../../contracts/plugin.ts";
import type { Isolation } from "../../contracts/registry.ts";
import { Carrier } from "./carrier.ts";
import { isolatedEvaluator } from "./isolated_evaluator.ts";
import { isolatedFormat } from "./isolated_format.ts";
import { isolatedMasker } from "./isolated_masker.ts";
import { isolatedSource } from "./isolated_source.ts";
import { callsOf, make, type Making, type Shared } from "./making.ts";
import { checkedManifest, type ManifestPart } from "./manifest.ts";
import {
  isIsolable,
  ISOLABLE_KINDS,
  type IsolableKind,
  partOf,
} from "./part_members.ts";
import { flagOf } from "./permissions.ts";
import type { Bridges } from "./process/bridge_thread.ts";
import type { ProcessOptions } from "./process/plugin_process.ts";

/** What an isolated plugin is held to where nothing else is said. */
export const DEFAULT_ISOLATION: Isolation = {
  timeMs: 10_000,
  memoryMB: 512,
  granted: [],
};

/** Loads a plugin in a process of its own. Throws `PluginError`. */
export async function loadIsolated(
  { url, module, isolation, bridges }: {
    /** URL of its module. */
    readonly url: string;
    /** The module, as people are shown it. */
    readonly module: string;
    /** Its limits, and what the run grants it. */
    readonly isolation: Isolation;
    /** What starts its process; absent: a thread of its own. */
    readonly bridges?: Bridges;
  },
): Promise<Plugin> {
  const { granted, timeMs, memoryMB } = isolation;
  const options: ProcessOptions = {
    url,
    module,
    limits: { timeMs, memoryMB },
    flags: granted.map(flagOf),
    bridges,
  };
  const carrier = new Carrier(options);
  try {
    const manifest = checkedManifest(
      await carrier.ask({ type: "describe", module }),
      module,
    );
    const missing = manifest.permissions.find((one) => !granted.includes(one));
    if (missing !== undefined) {
      throw new PluginError(
        `the plugin "${manifest.name}" (${module}) asks for the permission ${missing}: add it to its \`permissions\` to grant it`,
      );
    }
    const surplus = granted.find((one) => !manifest.permissions.includes(one));
    if (surplus !== undefined) {
      throw new PluginError(
        `the plugin "${manifest.name}" (${module}) does not ask for the permission ${surplus}; it asks for ${
          manifest.permissions.join(", ") || "none"
        }`,
      );
    }
    return {
      name: manifest.name,
      api: manifest.api,
      ...(manifest.version === null ? {} : { version: manifest.version }),
      permissions: manifest.permissions,
      parts: manifest.parts.map((part) =>
        isolatedPart(part, { carrier, options, plugin: manifest.name })
      ),
    };
  } catch (error) {
    carrier[Symbol.dispose]();
    throw error;
  }
}

function isolatedPart(part: ManifestPart, shared: Shared): AnyPart {
  const { kind, name, description, optionsSchema } = part;
  const base = {
    name,
    description,
    jsonSchema: { ...optionsSchema },
  };
  if (!isIsolable(kind)) {
    const message =
      `the ${kind} "${name}" of plugin "${shared.plugin}" runs in this process and cannot be isolated (isolated are: ${
        ISOLABLE_KINDS.join(", ")
      }); leave out \`isolated\` for a plugin that you trust`;
    return {
      ...base,
      kind,
      options: schemaOf(() => ({ issues: [{ message }] })),
      create: () => {
        throw new PluginError(message);
      },
    } as AnyPart;
  }
  return {
    ...base,
    kind,
    options: schemaOf(async (value) =>
      await shared.carrier.ask({
        type: "validate",
        kind,
        name,
        value,
      }) as ValidationResult<unknown>
    ),
    create: (options: unknown, host: Host) =>
      CREATE[kind]({ kind, name, options, host, shared }),
  } as AnyPart;
}

function schemaOf(
  validate: OptionsSchema["~standard"]["validate"],
): OptionsSchema {
  return { "~standard": { version: 1, vendor: "denotune-isolated", validate } };
}

type Create = {
  readonly [K in IsolableKind]: (making: Making) => Promise<KindMap[K]>;
};

const CREATE: Create = {
  format: isolatedFormat,
  template: async (making) => {
    const { seat, described } = await make(making, making.shared.carrier);
    const calls = callsOf(seat, making);
    return { ...partOf("template", described, calls), ...calls.batched };
  },
  masker: isolatedMasker,
  source: isolatedSource,
  evaluator: isolatedEvaluator,
};
