/**
 * One part, or one plugin, shown whole: options, an example for the run file, origin and trust.
 * @module
 */
import {
  BUILT_IN,
  ConfigError,
  harmless,
  isPlainObject,
  type Json,
  nearest,
  optionsJsonSchema,
  type Output,
  partPlaces,
  type Registered,
  type RegisteredPlugin,
  type Registry,
  VERSION,
} from "@denotune/denotune/core";
import { stringify } from "yaml";
import { optionLines } from "./_option_lines.ts";

/** Shows every part of a name (`adamw`, `optimizer/adamw`), or a plugin. Throws `ConfigError` where there is none. */
export function showNamed(
  name: string,
  { registry, invocation, out }: {
    readonly registry: Registry;
    readonly invocation: string;
    readonly out: Output;
  },
): void {
  const parts = registry.list().filter(({ part }) =>
    name === part.name || name === `${part.kind}/${part.name}`
  );
  const plugins = parts.length > 0
    ? []
    : registry.plugins().filter((one) =>
      one.plugin.name === name && one.module !== BUILT_IN
    );
  if (parts.length + plugins.length === 0) {
    const near = nearest(name, [
      ...new Set(registry.list().map(({ part }) => part.name)),
      ...registry.plugins().map(({ plugin }) => plugin.name),
    ]);
    throw new ConfigError(
      `There is no part, plugin or run file \`${name}\`${
        near === null ? "" : `; did you mean \`${near}\`?`
      } The command \`plugins\` without it lists all`,
    );
  }
  for (const [i, part] of parts.entries()) {
    if (i > 0) out.line();
    showPart(part, { registry, invocation, out });
  }
  for (const { plugin, ...origin } of plugins) {
    out.line(`plugin ${out.style("bold", harmless(plugin.name))}`);
    showOrigin({ plugin, ...origin }, out);
    for (const { kind, name: part, description } of plugin.parts) {
      out.line(harmless(`  ${kind} ${part}  ${description}`));
    }
  }
}

function showPart(
  registered: Registered,
  { registry, invocation, out }: {
    readonly registry: Registry;
    readonly invocation: string;
    readonly out: Output;
  },
): void {
  const { part, module } = registered;
  out.line(`${part.kind} ${out.style("bold", part.name)}`);
  out.line(harmless(part.description));
  const from = registry.plugins().find((one) => one.module === module);
  if (from !== undefined) showOrigin(from, out);
  const schema = optionsJsonSchema(registered);
  const lines = optionLines(schema);
  entry("options", lines.length === 0 ? "none" : "", out);
  for (const line of lines) out.line(`  ${line}`);
  entry("example", "", out);
  const shown = example(registered, { schema, from, invocation });
  for (const line of shown.trimEnd().split("\n")) {
    out.line(`  ${harmless(line)}`);
  }
}

function showOrigin(
  { plugin, module, identity, trusted, isolation }: RegisteredPlugin,
  out: Output,
): void {
  if (module === BUILT_IN) {
    entry("origin", `built in, denotune ${VERSION}`, out);
    return;
  }
  const version = identity?.version ?? plugin.version;
  entry(
    "origin",
    `plugin ${plugin.name}${
      version === undefined ? "" : ` ${version}`
    }, ${module}`,
    out,
  );
  entry("hash", identity?.hash ?? "not known", out);
  if (isolation === null) {
    if (trusted !== null) entry("trusted", trusted, out);
  } else {
    const { timeMs, memoryMB, granted } = isolation;
    entry(
      "isolated",
      `in a process without permissions: ${
        timeMs / 1000
      } s a call, ${memoryMB} MB, granted ${granted.join(", ") || "nothing"}`,
      out,
    );
  }
  entry("asks for", plugin.permissions?.join(", ") || "no permission", out);
}

function entry(name: string, text: string, out: Output): void {
  out.line(`${out.style("dim", name.padEnd(9))} ${harmless(text)}`.trimEnd());
}

/** What a user writes to choose a part: of most kinds, lines of a run file. */
function example(
  { part }: Registered,
  { schema, from, invocation }: {
    readonly schema: Readonly<Record<string, unknown>>;
    readonly from: RegisteredPlugin | undefined;
    readonly invocation: string;
  },
): string {
  const isOwn = from !== undefined && from.module !== BUILT_IN;
  if (part.kind === "command") {
    const plugin = isOwn ? ` --plugin ${from.module}` : "";
    return `${invocation} ${part.name}${plugin}`;
  }
  if (part.kind === "exporter") {
    const plugin = isOwn ? ` --plugin ${from.module}` : "";
    return `${invocation} export outputs/run --to ${part.name}${plugin}`;
  }
  const plugins = isOwn ? { plugins: [from.module] } : {};
  if (part.kind === "activation" || part.kind === "model") {
    const key = part.kind === "model" ? "model_type" : "hidden_act";
    const config = { [key]: part.name };
    return write({ ...plugins, model: { from_config: config } });
  }
  const options = optionsOf(schema);
  const chosen: Json = Object.keys(options).length === 0
    ? part.name
    : { use: part.name, ...options };
  const [place] = partPlaces(part.kind);
  return write({ ...plugins, ...nested(place, chosen) });
}

/** Every option that has a default other than null, and words for those that must be given. */
function optionsOf(
  schema: Readonly<Record<string, unknown>>,
): Record<string, Json> {
  const { properties } = schema;
  const options: Record<string, Json> = {};
  for (
    const [name, of] of Object.entries(
      isPlainObject(properties) ? properties : {},
    )
  ) {
    if (!isPlainObject(of)) continue;
    const value = of.default;
    if (value === undefined) options[name] = "...";
    else if (value !== null) options[name] = value as Json;
  }
  return options;
}

/** `{data: {train: [{format: chosen}]}}` for `["data", "train", "*", "format"]`. */
function nested(place: readonly string[], chosen: Json): Record<string, Json> {
  const within = place.slice(1).reduceRight<Json>(
    (inner, step) => step === "*" ? [inner] : { [step]: inner },
    chosen,
  );
  return { [place[0]]: within };
}

function write(run: Record<string, unknown>): string {
  return stringify(run, { lineWidth: 100, aliasDuplicateObjects: false });
}
