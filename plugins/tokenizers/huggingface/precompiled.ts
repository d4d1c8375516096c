/**
 * SentencePiece's own normaliser, as T5 and XLM-R have it: a table of strings, found through a trie of bytes (a
 * double array, as the library Darts writes it).
 *
 * ```text
 * u32: bytes of the trie | the trie, u32 each | strings, each ends with a 0
 * a unit of the trie:  bit 31, bits 0-7 its byte | bit 8 has a value | bit 9, bits 10-31 where children are
 * ```
 * @module
 */
import {
  type Aligned,
  AlignedBuilder,
  type AlignedNormalizer,
} from "./aligned.ts";
import type { Fields } from "./fields.ts";

/** Longest cluster of characters, in bytes, that is looked up as a whole. */
const CLUSTER_BYTES = 5;

/** Reads the section of a `Precompiled` normaliser. Throws `DataError` for a broken table. */
export function readPrecompiled(section: Fields): AlignedNormalizer {
  if (!section.has("precompiled_charsmap")) return (text) => text;
  const table = readTable(section);
  const encoder = new TextEncoder();
  const segmenter = new Intl.Segmenter("und", { granularity: "grapheme" });
  const kept = new Map<string, string | null>();

  /** What is written for a piece: that of its shortest prefix that the table has; null where it has none. */
  function transform(piece: string): string | null {
    const known = kept.get(piece);
    if (known !== undefined) return known;
    const found = table.find(encoder.encode(piece));
    if (kept.size < 65536) kept.set(piece, found);
    return found;
  }

  return (text) => {
    let builder: AlignedBuilder | null = null;
    let done = 0;
    const put = (from: number, to: number, result: string): void => {
      builder ??= new AlignedBuilder(text);
      builder.keep(done, from);
      builder.replace(from, to, result);
      done = to;
    };
    for (const cluster of clustersOf(text, segmenter)) {
      const { at, piece } = cluster;
      if (encoder.encode(piece).length <= CLUSTER_BYTES) {
        const result = transform(piece);
        if (result !== null) {
          put(at, at + piece.length, result);
          continue;
        }
      }
      let unit = at;
      for (const character of piece) {
        const result = transform(character);
        const next = unit + character.length;
        if (result !== null) put(unit, next, result);
        unit = next;
      }
    }
    if (builder === null) return text;
    const built: AlignedBuilder = builder;
    built.keep(done, text.text.length);
    return built.finish();
  };
}

/** What is read as one character. Plain text needs no look at Unicode's rules. */
function* clustersOf(
  { text }: Aligned,
  segmenter: Intl.Segmenter,
): Generator<{ at: number; piece: string }> {
  if (/^[\x20-\u02ff]*$/.test(text)) {
    for (let at = 0; at < text.length; at++) yield { at, piece: text[at] };
    return;
  }
  for (const { index, segment } of segmenter.segment(text)) {
    yield { at: index, piece: segment };
  }
}

interface Table {
  /** What the shortest prefix is replaced by, or null. */
  find(key: Uint8Array): string | null;
}

function readTable(section: Fields): Table {
  const bytes = fromBase64(section);
  const view = new DataView(bytes.buffer);
  const trieBytes = bytes.length < 4 ? NaN : view.getUint32(0, true);
  if (!(trieBytes % 4 === 0 && trieBytes + 4 <= bytes.length)) {
    section.refuse("precompiled_charsmap is cut off");
  }
  const units = new Uint32Array(trieBytes / 4);
  for (let i = 0; i < units.length; i++) {
    units[i] = view.getUint32(4 + 4 * i, true);
  }
  const strings = bytes.subarray(4 + trieBytes);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return {
    find(key) {
      if (units.length === 0) return null;
      let at = offsetOf(units[0]);
      for (const byte of key) {
        if (byte === 0) return null;
        at = (at ^ byte) >>> 0;
        const unit = units[at] ?? 0;
        // a place beyond the table is none: the table of a broken file
        if (at >= units.length || labelOf(unit) !== byte) return null;
        at = (at ^ offsetOf(unit)) >>> 0;
        if ((unit >>> 8 & 1) === 1) {
          const start = (units[at] ?? 0) & 0x7fffffff;
          const end = strings.indexOf(0, start);
          return decoder.decode(
            strings.subarray(start, end < 0 ? strings.length : end),
          );
        }
      }
      return null;
    },
  };
}

function labelOf(unit: number): number {
  return (unit & 0x800000ff) >>> 0;
}

function offsetOf(unit: number): number {
  return ((unit >>> 10) << ((unit & 0x200) >>> 6)) >>> 0;
}

function fromBase64(section: Fields): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.fromBase64(section.text("precompiled_charsmap"));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    return section.refuse("precompiled_charsmap is no base64");
  }
}
