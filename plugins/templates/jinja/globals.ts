/**
 * What every chat template may call, as transformers offers it.
 * @module
 */
import { JinjaError } from "./error.ts";
import { toText } from "./text/print.ts";
import { argument } from "./text/text_arguments.ts";
import { Traced } from "./traced.ts";
import {
  type Arguments,
  asWhole,
  Callable,
  Dict,
  iterate,
  type Key,
  keyOf,
  List,
  Namespace,
  typeName,
  type Value,
} from "./values.ts";

const DAYS = [
  "Sunday",
  "Monday",
  "Tuesday",
  "Wednesday",
  "Thursday",
  "Friday",
  "Saturday",
];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** Python's `strftime`, in English. */
export function formatDate(format: string, date: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const dayOfYear = (): number =>
    Math.round(
      (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) -
        Date.UTC(date.getFullYear(), 0, 1)) / 864e5,
    ) + 1;
  const hour12 = date.getHours() % 12 || 12;
  const codes: Record<string, () => string> = {
    Y: () => String(date.getFullYear()),
    y: () => two(date.getFullYear() % 100),
    m: () => two(date.getMonth() + 1),
    d: () => two(date.getDate()),
    e: () => String(date.getDate()).padStart(2, " "),
    B: () => MONTHS[date.getMonth()],
    b: () => MONTHS[date.getMonth()].slice(0, 3),
    A: () => DAYS[date.getDay()],
    a: () => DAYS[date.getDay()].slice(0, 3),
    H: () => two(date.getHours()),
    I: () => two(hour12),
    p: () => date.getHours() < 12 ? "AM" : "PM",
    M: () => two(date.getMinutes()),
    S: () => two(date.getSeconds()),
    j: () => String(dayOfYear()).padStart(3, "0"),
    "%": () => "%",
  };
  return format.replace(
    /%(-?)([A-Za-z%])/g,
    (code, bare: string, letter: string) => {
      const text = codes[letter]?.();
      if (text === undefined) {
        throw new JinjaError(
          `strftime_now cannot write ${code}`,
        );
      }
      return bare === "-" ? text.replace(/^0+(?=\d)/, "") : text;
    },
  );
}

function range({ positional }: Arguments): List {
  const numbers = positional.map((value) => {
    const whole = asWhole(value);
    if (whole !== null) return Number(whole);
    throw new JinjaError(
      `'${typeName(value)}' object cannot be interpreted as an integer`,
    );
  });
  if (numbers.length < 1 || numbers.length > 3) {
    throw new JinjaError(
      `range expected 1 to 3 arguments, got ${numbers.length}`,
    );
  }
  const [start, stop, step] = numbers.length === 1
    ? [0, numbers[0], 1]
    : [numbers[0], numbers[1], numbers[2] ?? 1];
  if (step === 0) throw new JinjaError("range() arg 3 must not be zero");
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (count > 100_000) {
    throw new JinjaError(
      "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).",
    );
  }
  return new List(
    Array.from({ length: count }, (_, i) => start + i * step),
    "range",
    `range(${start}, ${stop}${step === 1 ? "" : `, ${step}`})`,
  );
}

/** The entries that `dict(...)` and `namespace(...)` are given. */
function entriesOf({ positional, named }: Arguments): Map<Key, Value> {
  const entries = new Map<Key, Value>();
  const [first] = positional;
  if (first instanceof Dict) {
    for (const [key, value] of first.entries) entries.set(key, value);
  } else if (first !== undefined) {
    for (const pair of iterate(first)) {
      const [key, value] = iterate(pair);
      entries.set(keyOf(key), value);
    }
  }
  for (const [key, value] of named) entries.set(key, value);
  return entries;
}

/** Transformers' namespaces take no names that begin with an underscore. */
export function checkAttribute(name: string): void {
  if (!name.startsWith("_")) return;
  throw new JinjaError(
    `Chat templates cannot store underscore-prefixed attributes on a namespace, but got '${name}'. Please rename the attribute.`,
  );
}

/** The global names of a template. `now` is what `strftime_now` writes. */
export function templateGlobals(now: Date): Map<string, Value> {
  return new Map<string, Value>([
    ["range", new Callable(range)],
    ["dict", new Callable((args) => new Dict(entriesOf(args)))],
    [
      "namespace",
      new Callable((args) => {
        const entries = new Map<string, Value>();
        for (const [key, value] of entriesOf(args)) {
          checkAttribute(String(key));
          entries.set(String(key), value);
        }
        return new Namespace(entries);
      }),
    ],
    [
      "joiner",
      new Callable((args) => {
        let used = false;
        return new Callable(() => {
          const sep = argument(args, 0, "sep") ?? Traced.of(", ");
          const text = used ? sep : Traced.of("");
          used = true;
          return text;
        });
      }),
    ],
    [
      "raise_exception",
      new Callable((args) => {
        throw new JinjaError(toText(args.positional[0]).text);
      }),
    ],
    [
      "strftime_now",
      new Callable((args) =>
        Traced.of(formatDate(toText(argument(args, 0, "format")).text, now))
      ),
    ],
  ]);
}
