/**
 * Values of command-line options.
 * @module
 */
import { InvalidArgumentError } from "commander";

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
