/**
 * What `init --plugin` needs to know of a kind, to write a package for it. Templates are text in modules, so that they
 * are there wherever this package is loaded from. In each of them `NAME` stands for the name of the plugin and of its
 * part, always where a longer name moves no line break of the formatter.
 * @module
 */

/** The files of a package that differ by kind, and how it is used. */
export interface KindTemplate {
  /** What the example does, as one sentence for the README. */
  readonly does: string;
  /** `mod.ts`, up to the default export: it defines the part as `part`. */
  readonly part: string;
  /** `mod_test.ts`. */
  readonly test: string;
  /** Sections of `run.yaml` that are not {@linkcode RunSections}' defaults. */
  readonly run: Partial<RunSections>;
  /** Files besides, name -> text. Default: `rows.jsonl`, which the default `data` reads. */
  readonly files?: Readonly<Record<string, string>>;
  /** Words of a command line after the training run that show the part; absent: the run itself does. */
  readonly then?: readonly string[];
}

/** Sections of a run file as YAML. */
export interface RunSections {
  /** Names the module; empty for what only the command line can name. */
  readonly plugins: string;
  readonly model: string;
  readonly tokenizer: string;
  readonly data: string;
  /** Everything else: what chooses the part. */
  readonly more: string;
}
