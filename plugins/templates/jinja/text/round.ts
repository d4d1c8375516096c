/**
 * Rounding as Python does it: to the nearest decimal of the exact value, halves to the even digit.
 * @module
 */

/** The value with `digits` decimals (0 to 60), as text. */
export function toFixed(value: number, digits: number): string {
  if (!Number.isFinite(value) || Math.abs(value) >= 1e21) {
    return Number.isFinite(value)
      ? `${BigInt(value)}${digits > 0 ? "." + "0".repeat(digits) : ""}`
      : String(value);
  }
  const places = Math.min(digits, 60);
  const text = value.toFixed(places);
  // `toFixed` takes the larger of two that are equally near
  const exact = value.toFixed(Math.min(100, places + 40));
  const tail = exact.slice(
    exact.length - (Math.min(100, places + 40) - places),
  );
  if (!/^50*$/.test(tail)) return text;
  const kept = exact.slice(0, exact.length - tail.length).replace(/\.$/, "");
  const even = "02468".includes(kept.at(-1) ?? "0");
  return even ? kept : text;
}

/** The value rounded to `digits` decimals; negative: to tens, hundreds and so on. */
export function roundTo(value: number, digits: number): number {
  if (!Number.isFinite(value) || digits > 60) return value;
  if (digits >= 0) return Number(toFixed(value, digits));
  const unit = 10 ** -digits;
  return Number(toFixed(value / unit, 0)) * unit;
}

/** A whole number rounded to tens, hundreds and so on (`digits` < 0), halves to even. */
export function roundWhole(value: bigint, digits: number): bigint {
  if (digits >= 0) return value;
  const unit = 10n ** BigInt(-digits);
  const rest = ((value % unit) + unit) % unit;
  const low = value - rest;
  const twice = rest * 2n;
  if (twice < unit) return low;
  if (twice > unit) return low + unit;
  return (low / unit) % 2n === 0n ? low : low + unit;
}
