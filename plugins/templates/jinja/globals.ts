/**
 * What every chat template may call, as transformers offers it.
 * @module
 */
import { argument } from "./methods.ts";
import { Traced } from "./traced.ts";
import {
  asNumber,
  Callable,
  Dict,
  JinjaError,
  List,
  Namespace,
  toText,
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

function range({ positional }: { positional: readonly Value[] }): List {
  const numbers = positional.map((value) => asNumber(value) ?? 0);
  const [start, stop, step] = numbers.length === 1
    ? [0, numbers[0], 1]
    : [numbers[0], numbers[1], numbers[2] ?? 1];
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (count > 100_000) {
    throw new JinjaError(
      "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).",
    );
  }
  return new List(Array.from({ length: count }, (_, i) => start + i * step));
}

/** The global names of a template. `now` is what `strftime_now` writes. */
export function templateGlobals(now: Date): Map<string, Value> {
  return new Map<string, Value>([
    ["true", true],
    ["True", true],
    ["false", false],
    ["False", false],
    ["none", null],
    ["None", null],
    ["range", new Callable(range)],
    ["dict", new Callable(({ named }) => new Dict(new Map(named)))],
    [
      "namespace",
      new Callable(({ positional, named }) => {
        const given = positional[0] instanceof Dict
          ? positional[0].entries
          : [];
        return new Namespace(
          new Map([
            ...[...given].map(([key, value]): [string, Value] => [
              String(key),
              value,
            ]),
            ...named,
          ]),
        );
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

/** The variable `loop` of a loop at item `i`. */
export function loopVariable(
  items: readonly Value[],
  i: number,
  depth: number,
): Dict {
  return new Dict(
    new Map<string, Value>([
      ["index", i + 1],
      ["index0", i],
      ["revindex", items.length - i],
      ["revindex0", items.length - i - 1],
      ["first", i === 0],
      ["last", i === items.length - 1],
      ["length", items.length],
      ["depth", depth],
      ["depth0", depth - 1],
      ["previtem", i === 0 ? undefined : items[i - 1]],
      ["nextitem", items[i + 1]],
      [
        "cycle",
        new Callable(({ positional }) => positional[i % positional.length]),
      ],
    ]),
  );
}
