/**
 * Reads the sections of a tokenizer.json, with errors that name the file and the place in it.
 * @module
 */
import { DataError } from "@denotune/denotune/core";
import { isObject, type JsonObject } from "./files.ts";

/** How deep sections may be nested in each other (`Sequence` in `Sequence`). */
const MAX_DEPTH = 32;

/** A JSON object and where it is. */
export class Fields {
  readonly #value: JsonObject;
  /** The file. */
  readonly file: string;
  /** Its path within the file: `normalizer.normalizers[1]`. */
  readonly path: string;

  constructor(value: JsonObject, place: { file: string; path: string }) {
    this.#value = value;
    this.file = place.file;
    this.path = place.path;
  }

  /** The value as it is in the file. */
  raw(name: string): unknown {
    return Object.hasOwn(this.#value, name) ? this.#value[name] : undefined;
  }

  /** Whether there is something. */
  has(name: string): boolean {
    return this.raw(name) !== undefined && this.raw(name) !== null;
  }

  /** Text; without a default it must be there. */
  text(name: string, otherwise?: string): string {
    const value = this.raw(name) ?? otherwise;
    return typeof value === "string" ? value : this.#wrong(name, "text");
  }

  /** Text, or null where there is none. */
  textOrNull(name: string): string | null {
    return this.has(name) ? this.text(name) : null;
  }

  /** True or false. */
  flag(name: string, otherwise: boolean): boolean {
    const value = this.raw(name) ?? otherwise;
    return typeof value === "boolean"
      ? value
      : this.#wrong(name, "true or false");
  }

  /** A whole number that is not negative. */
  count(name: string, otherwise?: number): number {
    const value = this.raw(name) ?? otherwise;
    return typeof value === "number" && Number.isSafeInteger(value) &&
        value >= 0
      ? value
      : this.#wrong(name, "a whole number from 0");
  }

  /** One of some words. */
  word<const T extends string>(
    name: string,
    words: readonly T[],
    otherwise?: T,
  ): T {
    const value = this.raw(name) ?? otherwise;
    return words.find((word) => word === value) ??
      this.#wrong(name, `one of ${words.join(", ")}`);
  }

  /** A list. */
  list(name: string): readonly unknown[] {
    const value = this.raw(name);
    return Array.isArray(value) ? value : this.#wrong(name, "a list");
  }

  /** A section within this one. */
  section(name: string): Fields {
    const value = this.raw(name);
    return isObject(value)
      ? new Fields(value, { file: this.file, path: this.#at(name) })
      : this.#wrong(name, "an object");
  }

  /** The sections of a list. */
  sections(name: string): Fields[] {
    const path = this.#at(name);
    if (path.split(".").length > MAX_DEPTH) {
      this.refuse("it is nested too deep");
    }
    return this.list(name).map((value, i) =>
      isObject(value)
        ? new Fields(value, { file: this.file, path: `${path}[${i}]` })
        : this.#wrong(`${name}[${i}]`, "an object")
    );
  }

  /** Throws a `DataError` about this section. */
  refuse(what: string): never {
    throw new DataError(`Cannot use ${this.file}: ${this.path}: ${what}`);
  }

  #at(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }

  #wrong(name: string, expected: string): never {
    const value = this.raw(name);
    throw new DataError(
      `Cannot use ${this.file}: ${this.#at(name)} must be ${expected}, found ${
        describe(value)
      }`,
    );
  }
}

/** The section of a file, or null where it is null or absent. Throws `DataError` for anything else. */
export function sectionOf(
  { path, tokenizer }: {
    readonly path: string;
    readonly tokenizer: JsonObject;
  },
  name: string,
): Fields | null {
  const whole = new Fields(tokenizer, {
    file: `${path}/tokenizer.json`,
    path: "",
  });
  return whole.has(name) ? whole.section(name) : null;
}

function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isObject(value)) return "an object";
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}
