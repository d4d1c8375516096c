/**
 * Text from a pattern and values: `'%5.2f' % x` and `'{:>8}'.format(x)`, by Python's rules.
 * @module
 */
import { JinjaError } from "../error.ts";
import { numberText, repr, toText } from "./print.ts";
import { toFixed } from "./round.ts";
import { repeated, Traced, TracedBuilder } from "../traced.ts";
import {
  type Arguments,
  asNumber,
  asWhole,
  countCharacters,
  Dict,
  Float,
  List,
  typeName,
  type Value,
} from "../values.ts";

interface Spec {
  readonly fill: string;
  readonly align: string;
  readonly sign: string;
  readonly alternate: boolean;
  readonly width: number;
  readonly grouping: string;
  readonly precision: number | null;
  readonly type: string;
}

const PLACE =
  /%(?:\(([^)]*)\))?([-+ #0]*)(\*|\d+)?(?:\.(\*|\d*))?[hlL]?([diouxXeEfFgGcrsa%])?/g;

/** `format % values`. */
export function formatPercent(format: Traced, values: Value): Traced {
  const list = values instanceof List && values.kind === "tuple"
    ? values.items
    : [values];
  const dict = values instanceof Dict ? values : null;
  const out = new TracedBuilder();
  let done = 0;
  let next = 0;
  const take = (): Value => {
    if (next >= list.length) {
      throw new JinjaError("not enough arguments for format string");
    }
    return list[next++];
  };
  const size = (text: string | undefined): number | null =>
    text === undefined
      ? null
      : text === "*"
      ? Number(asWhole(take()) ?? 0)
      : Number(text);
  let named = false;
  for (const match of format.text.matchAll(PLACE)) {
    const [place, key, flags, width, precision, type] = match;
    if (type === undefined) {
      throw new JinjaError(
        match.index + place.length >= format.text.length
          ? "incomplete format"
          : "unsupported format character",
      );
    }
    out.add(format.slice(done, match.index));
    done = match.index + place.length;
    if (type === "%") {
      out.text("%");
      continue;
    }
    const least = size(width) ?? 0;
    const digits = size(precision);
    if (key !== undefined) {
      if (dict === null) throw new JinjaError("format requires a mapping");
      if (!dict.has(key)) throw new JinjaError(`KeyError: '${key}'`);
      named = true;
    }
    const value = key === undefined ? take() : dict?.get(key);
    out.add(onePercent(value, {
      fill: flags.includes("0") && !flags.includes("-") ? "0" : " ",
      align: flags.includes("-") || least < 0 ? "<" : ">",
      sign: flags.includes("+") ? "+" : flags.includes(" ") ? " " : "-",
      alternate: flags.includes("#"),
      width: Math.abs(least),
      grouping: "",
      precision: digits,
      type,
    }));
  }
  if (next < list.length && !named && dict === null) {
    throw new JinjaError(
      "not all arguments converted during string formatting",
    );
  }
  if (done < format.text.length) out.add(format.slice(done));
  return out.finish();
}

function onePercent(value: Value, spec: Spec): Traced {
  const { type, precision } = spec;
  if (type === "s" || type === "r" || type === "a") {
    const text = type === "s" ? toText(value) : repr(value);
    return padded(cut(text, precision), { ...spec, fill: " " });
  }
  if (type === "c") {
    const code = asWhole(value);
    const text = code === null
      ? toText(value)
      : Traced.of(String.fromCodePoint(Number(code)));
    return padded(text, { ...spec, fill: " " });
  }
  if (asNumber(value) === null) {
    throw new JinjaError(
      `%${type} format: a real number is required, not ${typeName(value)}`,
    );
  }
  if ("diu".includes(type)) {
    const whole = value instanceof Float
      ? BigInt(Math.trunc(value.value))
      : BigInt(asWhole(value) ?? 0);
    return number(
      signed(whole < 0n, String(whole < 0n ? -whole : whole)),
      spec,
    );
  }
  if ("oxX".includes(type)) {
    const whole = asWhole(value);
    if (whole === null) {
      throw new JinjaError(
        `%${type} format: an integer is required, not ${typeName(value)}`,
      );
    }
    return number(inBase(BigInt(whole), spec), spec);
  }
  return number(floating(asNumber(value) ?? 0, spec), spec);
}

/** A float without a type: as `g`, but never without a decimal. Whole numbers take no precision. */
function shortest(value: Value, spec: Spec): Digits {
  if (!(value instanceof Float)) {
    throw new JinjaError("Precision not allowed in integer format specifier");
  }
  const { negative, prefix, digits } = floating(value.value, {
    ...spec,
    type: "g",
  });
  const isPlain = /^\d+$/.test(digits);
  return signed(negative, isPlain ? `${digits}.0` : digits, prefix);
}

interface Digits {
  readonly negative: boolean;
  readonly prefix: string;
  readonly digits: string;
}

function signed(negative: boolean, digits: string, prefix = ""): Digits {
  return { negative, prefix, digits };
}

function inBase(whole: bigint, { type, alternate }: Spec): Digits {
  const base = type === "b" ? 2 : type === "o" ? 8 : 16;
  const digits = (whole < 0n ? -whole : whole).toString(base);
  return signed(
    whole < 0n,
    type === "X" ? digits.toUpperCase() : digits,
    alternate ? `0${type}` : "",
  );
}

function floating(value: number, spec: Spec): Digits {
  const negative = value < 0 || Object.is(value, -0);
  const size = Math.abs(value);
  const upper = spec.type === spec.type.toUpperCase();
  if (!Number.isFinite(size)) {
    const text = Number.isNaN(size) ? "nan" : "inf";
    return signed(negative, upper ? text.toUpperCase() : text);
  }
  const precision = spec.precision ?? 6;
  let digits: string;
  switch (spec.type.toLowerCase()) {
    case "f":
      digits = toFixed(size, precision);
      break;
    case "e":
      digits = exponent(size.toExponential(Math.min(100, precision)));
      break;
    default:
      digits = general(size, Math.max(1, precision), spec.alternate);
  }
  return signed(negative, upper ? digits.toUpperCase() : digits);
}

function general(size: number, precision: number, keepsZeros: boolean): string {
  const written = size.toExponential(Math.min(100, precision - 1));
  const power = Number(written.slice(written.indexOf("e") + 1));
  const isPlain = power >= -4 && power < precision;
  const text = isPlain
    ? toFixed(size, Math.max(0, precision - 1 - power))
    : exponent(written);
  if (keepsZeros) return text;
  return text.replace(/(\.\d*?)0+(?=e|$)/, "$1").replace(/\.(?=e|$)/, "");
}

/** JavaScript writes `1e+5`, Python `1e+05`. */
function exponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

function cut(text: Traced, precision: number | null): Traced {
  if (precision === null || countCharacters(text.text) <= precision) {
    return text;
  }
  return text.slice(0, [...text.text].slice(0, precision).join("").length);
}

function number({ negative, prefix, digits }: Digits, spec: Spec): Traced {
  const sign = negative ? "-" : spec.sign === "-" ? "" : spec.sign;
  const grouped = spec.grouping === ""
    ? digits
    : digits.replace(/^\d+/, (whole) =>
      whole.replace(/\B(?=(?:\d{3})+$)/g, spec.grouping));
  const head = sign + prefix;
  if (spec.fill === "0" && (spec.align === ">" || spec.align === "=")) {
    const missing = spec.width - head.length - grouped.length;
    return Traced.of(head + repeated("0", Math.max(0, missing)) + grouped);
  }
  if (spec.align === "=") {
    const missing = spec.width - head.length - grouped.length;
    return Traced.of(
      head + repeated(spec.fill, Math.max(0, missing)) + grouped,
    );
  }
  return padded(Traced.of(head + grouped), spec);
}

function padded(text: Traced, { fill, align, width }: Spec): Traced {
  const missing = width - countCharacters(text.text);
  if (missing <= 0) return text;
  const left = align === ">" ? missing : align === "^" ? missing >> 1 : 0;
  const out = new TracedBuilder();
  out.text(repeated(fill, left));
  out.add(text);
  out.text(repeated(fill, missing - left));
  return out.finish();
}

const FIELD =
  /\{\{|\}\}|\{([^{}:!]*)(?:!([rsa]))?(?::((?:[^{}]|\{[^{}]*\})*))?\}|[{}]/g;

/** `format.format(...)`. */
export function formatBraces(format: Traced, args: Arguments): Traced {
  const out = new TracedBuilder();
  let done = 0;
  let next = 0;
  const lookUp = (field: string): Value => {
    const [first, ...path] = field.split(/(?=[.[])/);
    const key = first === "" ? String(next++) : first;
    let value: Value;
    if (/^\d+$/.test(key)) {
      if (Number(key) >= args.positional.length) {
        throw new JinjaError(
          `Replacement index ${key} out of range for positional args tuple`,
        );
      }
      value = args.positional[Number(key)];
    } else {
      if (!args.named.has(key)) throw new JinjaError(`KeyError: '${key}'`);
      value = args.named.get(key);
    }
    for (const step of path) value = stepInto(value, step);
    return value;
  };
  for (const match of format.text.matchAll(FIELD)) {
    const [place, field, conversion, spec] = match;
    out.add(format.slice(done, match.index));
    done = match.index + place.length;
    if (place === "{{" || place === "}}") out.text(place[0]);
    else if (field === undefined) {
      throw new JinjaError(
        `Single '${place}' encountered in format string`,
      );
    } else {
      const value = lookUp(field);
      const converted = conversion === undefined
        ? value
        : conversion === "s"
        ? toText(value)
        : repr(value);
      const inner = (spec ?? "").replace(
        /\{([^{}]*)\}/g,
        (_, name: string) => toText(lookUp(name)).text,
      );
      out.add(oneBrace(converted, inner));
    }
  }
  if (done < format.text.length) out.add(format.slice(done));
  return out.finish();
}

function stepInto(value: Value, step: string): Value {
  const key = step.replace(/^[.[]|\]$/g, "");
  if (value instanceof Dict && step.startsWith("[")) {
    const found = /^\d+$/.test(key) ? Number(key) : key;
    if (!value.has(found)) throw new JinjaError(`KeyError: '${key}'`);
    return value.get(found);
  }
  if (value instanceof List && step.startsWith("[") && /^\d+$/.test(key)) {
    if (Number(key) < value.items.length) return value.items[Number(key)];
    throw new JinjaError("list index out of range");
  }
  throw new JinjaError(`'${typeName(value)}' object has no attribute '${key}'`);
}

const SPEC =
  /^(?:([^])?([<>=^]))?([-+ ])?(#)?(0)?(\d+)?([_,])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/u;

function oneBrace(value: Value, text: string): Traced {
  if (text === "") return toText(value);
  const match = SPEC.exec(text);
  if (match === null) {
    throw new JinjaError(`Invalid format specifier '${text}'`);
  }
  const [, fill, align, sign, alternate, zero, width, grouping, digits, type] =
    match;
  const isNumber = asNumber(value) !== null;
  const spec: Spec = {
    fill: fill ?? (zero === undefined ? " " : "0"),
    align: align ??
      (zero !== undefined && isNumber ? "=" : isNumber ? ">" : "<"),
    sign: sign ?? "-",
    alternate: alternate !== undefined,
    width: Number(width ?? 0),
    grouping: grouping ?? "",
    precision: digits === undefined ? null : Number(digits),
    type: type ?? (value instanceof Traced || !isNumber ? "s" : ""),
  };
  if (!isNumber) {
    if (spec.type !== "s") {
      throw new JinjaError(
        `Unknown format code '${spec.type}' for object of type '${
          typeName(value)
        }'`,
      );
    }
    return padded(cut(toText(value), spec.precision), spec);
  }
  const whole = asWhole(value);
  if (spec.type === "%") {
    const percent = floating((asNumber(value) ?? 0) * 100, {
      ...spec,
      type: "f",
    });
    return number({ ...percent, digits: `${percent.digits}%` }, spec);
  }
  if (whole !== null && "bdoxXcn".includes(spec.type)) {
    if (spec.type === "" || spec.type === "d" || spec.type === "n") {
      const size = BigInt(whole);
      return number(signed(size < 0n, String(size < 0n ? -size : size)), spec);
    }
    return spec.type === "c"
      ? padded(Traced.of(String.fromCodePoint(Number(whole))), spec)
      : number(inBase(BigInt(whole), spec), spec);
  }
  if (spec.type === "" && spec.precision === null) {
    const shown = numberText(value instanceof Float ? value : whole ?? 0);
    return number(
      signed(shown.startsWith("-"), shown.replace(/^-/, "")),
      spec,
    );
  }
  if (spec.type === "") return number(shortest(value, spec), spec);
  if (spec.type === "s" || (whole === null && "bdoxXc".includes(spec.type))) {
    throw new JinjaError(
      `Unknown format code '${spec.type}' for object of type '${
        typeName(value)
      }'`,
    );
  }
  return number(
    floating(asNumber(value) ?? 0, spec),
    spec,
  );
}
