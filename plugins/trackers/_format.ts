/**
 * How numbers are written for people.
 * @module
 */
import { showDigits } from "@denotune/denotune/core";

/** 134.5 M, 12.3 k, 950 */
export function short(value: number): string {
  for (const [size, unit] of [[1e9, "B"], [1e6, "M"], [1e3, "k"]] as const) {
    if (Math.abs(value) >= size) return `${showDigits(value / size)} ${unit}`;
  }
  return showDigits(value);
}

/** 42s, 3m 20s, 2h 05m, 1d 4h */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s}s`;
  const two = (n: number) => String(n).padStart(2, "0");
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes}m ${two(s % 60)}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h ${two(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** 12 %, 0.4 % */
export function percent(share: number): string {
  const value = share * 100;
  return `${
    value >= 10 || value === 0 ? value.toFixed(0) : value.toFixed(1)
  } %`;
}

/** 5.00e-5 */
export function rate(value: number): string {
  return value === 0 ? "0" : value.toExponential(2);
}
