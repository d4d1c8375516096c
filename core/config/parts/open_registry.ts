/**
 * The parts that a command or a call of the library starts from.
 * @module
 */
import type { BuiltIn } from "../../contracts/built_in.ts";
import { BUILT_IN, Registry } from "../../contracts/registry.ts";
import type { TrustPolicy } from "../../contracts/trust.ts";
import type { TrustOption } from "../trust/trust_option.ts";
import { ConfigError } from "../../contracts/errors.ts";
import { bundleUrl } from "../../own_module.ts";
import { treeOf } from "../parse/tree.ts";

/** Modules to load besides the built-in parts. */
export interface RegistryOptions {
  /** `./x.ts` relative to `cwd`, `npm:`, `jsr:`, `https:`. */
  readonly plugins?: readonly string[];
  /** Absolute folder that paths start from; the working directory where absent. */
  readonly cwd?: string;
  /** Called when a plugin of somebody else's host is used for the first time, and when one takes long to load. */
  readonly notice?: (what: string) => void;
  /** Which plugins may run that run files name from outside their folder; absent: those that the user trusts already. */
  readonly trust?: TrustOption | TrustPolicy;
  /** Who wrote the names in `plugins`. Default: the program. */
  readonly namedBy?: "code" | "command line";
}

/** The built-in parts and those of the plugins named. Throws `PluginError` that names the module. */
export async function openRegistry(
  builtIn: BuiltIn,
  options: RegistryOptions = {},
): Promise<Registry> {
  const bundle = bundleUrl();
  if (bundle !== null && bundle !== builtIn.module) {
    throw new ConfigError(
      "This program was bundled into several files, where workers cannot be started; bundle it into one file, without --code-splitting",
    );
  }
  const registry = new Registry(await policyOf(options.trust));
  registry.add(await builtIn.load(), BUILT_IN, builtIn.module);
  const { plugins = [], cwd = Deno.cwd() } = options;
  if (plugins.length > 0) {
    const { loadPlugins } = await import("./plugins.ts");
    const origin = { place: "--plugin", base: cwd };
    await loadPlugins(
      treeOf({ plugins: [...plugins] }, origin),
      {
        registry,
        named: { by: options.namedBy ?? "code" },
        notice: options.notice,
      },
    );
  }
  return registry;
}

async function policyOf(
  trust: RegistryOptions["trust"],
): Promise<TrustPolicy | null> {
  if (typeof trust === "object" && "refusal" in trust) return trust;
  const { trustPolicy } = await import("../trust/trust_option.ts");
  return trustPolicy(trust);
}
