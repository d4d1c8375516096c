/**
 * Schemas of options.
 * @module
 */

/**
 * A schema of options: Standard Schema with Standard JSON Schema (a zod 4 object is one). A schema
 * without `~standard.jsonSchema` comes with `Part.jsonSchema`. Types are inferred structurally.
 */
export interface OptionsSchema<Input = unknown, Output = Input> {
  /** The entry of Standard Schema. */
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (
      value: unknown,
    ) => ValidationResult<Output> | Promise<ValidationResult<Output>>;
    readonly types?:
      | { readonly input: Input; readonly output: Output }
      | undefined;
    readonly jsonSchema?: {
      readonly input: (
        options: { readonly target: "draft-2020-12" },
      ) => Record<string, unknown>;
      readonly output: (
        options: { readonly target: "draft-2020-12" },
      ) => Record<string, unknown>;
    };
  };
}

/** What `validate` of a Standard Schema gives. */
export type ValidationResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
    readonly issues: readonly {
      readonly message: string;
      readonly path?:
        | readonly (PropertyKey | { readonly key: PropertyKey })[]
        | undefined;
    }[];
  };
