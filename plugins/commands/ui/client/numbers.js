/**
 * Numbers as people read them.
 * @module
 */

/** Writes numbers. */
export function numbers() {
  /** 12.3 k, 134.5 M */
  function short(value) {
    if (!Number.isFinite(value)) return "–";
    for (const [size, unit] of [[1e9, " B"], [1e6, " M"], [1e3, " k"]]) {
      if (Math.abs(value) >= size) return digits(value / size) + unit;
    }
    return digits(value);
  }

  /** 2.310, 0.0231, 5.00e-5 */
  function figure(value) {
    if (value === null || value === undefined || !Number.isFinite(value)) {
      return "–";
    }
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
      return value.toExponential(2);
    }
    return size >= 1000
      ? Math.round(value).toLocaleString("en-US")
      : String(Number(value.toPrecision(4)));
  }

  function digits(value) {
    return String(Number(value.toPrecision(3)));
  }

  /** 1,234 */
  function whole(value) {
    return value === null ? "–" : Math.round(value).toLocaleString("en-US");
  }

  /** 0.3 s, 42 s, 3 min 20 s, 2 h 05 min */
  function duration(seconds) {
    if (!Number.isFinite(seconds)) return "–";
    if (seconds < 9.95) return `${Number(Math.max(0, seconds).toFixed(1))} s`;
    const s = Math.round(seconds);
    if (s < 60) return `${s} s`;
    const two = (n) => String(n).padStart(2, "0");
    const minutes = Math.floor(s / 60);
    if (minutes < 60) return `${minutes} min ${two(s % 60)} s`;
    const hours = Math.floor(minutes / 60);
    if (hours < 24) return `${hours} h ${two(minutes % 60)} min`;
    return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  }

  /** now, 5 min ago, 3 d ago */
  function ago(milliseconds) {
    const seconds = (Date.now() - milliseconds) / 1000;
    if (seconds < 10) return "now";
    if (seconds < 60) return `${Math.round(seconds)} s ago`;
    if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
    if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
    return `${Math.round(seconds / 86400)} d ago`;
  }

  /** 1.2 GB */
  function bytes(value) {
    for (const [size, unit] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) {
      if (value >= size) return `${digits(value / size)} ${unit}`;
    }
    return `${value} bytes`;
  }

  return { short, figure, whole, duration, ago, bytes };
}
