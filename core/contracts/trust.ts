/**
 * Which code a plugin is, and who decides whether it may run.
 * @module
 */

/** Which code a plugin is. */
export interface PluginIdentity {
  /** Version of the package that it was resolved to, else the one that the plugin says; null where there is none. */
  readonly version: string | null;
  /** `sha256-` and 64 hexadecimal digits, of its modules; null where they cannot be read. */
  readonly hash: string | null;
}

/** A plugin that is not trusted yet: nothing of it has run in this process. */
export interface UntrustedPlugin extends PluginIdentity {
  /** A run file in code runs as a plugin does, where another file extends it. */
  readonly type: "plugin" | "run file";
  /** The package or address, or the absolute path of the file. */
  readonly specifier: string;
  /** Where it is named: `run.yaml:3:5`. */
  readonly place: string;
  /** The host that its code comes from; null for a file. */
  readonly host: string | null;
  /** Whether it was trusted before, with other code. */
  readonly changed: boolean;
  /**
   * What it brings and asks for, as a process without permissions has read it; null where that could not be done, and
   * of a run file.
   */
  readonly manifest: {
    readonly name: string;
    readonly permissions: readonly string[];
    readonly parts: readonly { readonly kind: string; readonly name: string }[];
  } | null;
}

/** How a plugin is decided about. */
export interface Deciding {
  /** Where it is refused it runs isolated: nobody needs to be asked. */
  readonly isolates: boolean;
}

/** Decides whether the code of plugins may run that neither the run's folder nor the user's own list vouches for. */
export interface TrustPolicy {
  /** Null: it may run in this process. Else why not, and what would do, as a sentence. */
  refusal(plugin: UntrustedPlugin, deciding?: Deciding): Promise<string | null>;
  /** Whether it shows the plugin to the user, so that an error need not. */
  readonly shows: boolean;
  /** Whether the user's config folder remembers what may run. */
  readonly remembers: boolean;
  /** Says something to the user. */
  notice?(message: string): void;
}
