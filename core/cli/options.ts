/**
 * Values of command-line options.
 * @module
 */
import { InvalidArgumentError } from "commander";
import { parseBytes } from "../config/parse/bytes.ts";

/** A whole number, 0 or more. */
export function countOption(text: string): number {
  if (!/^\d{1,15}$/.test(text)) {
    throw new InvalidArgumentError("Expected a whole number.");
  }
  return Number(text);
}

/** A number, 0 or more. */
export function amountOption(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError("Expected a number, 0 or more.");
  }
  return value;
}

/** Collects an option that may be given several times. */
export function listOption(text: string, before: readonly string[]): string[] {
  return [...before, text];
}

/** Bytes: `5GB`, `500 MB`, `1.5GiB`, or a plain number. Powers of 1,000, and of 1,024 with an `i`. */
export function bytesOption(text: string): number {
  const found = parseBytes(text);
  if (found === null) {
    throw new InvalidArgumentError("Expected a size such as 5GB or 500MB.");
  }
  return found;
}
