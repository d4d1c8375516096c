/**
 * Numbers in fewer bytes, with all of their bits: exponents of gradients are near each other, signs and mantissas are
 * random. The exponents of a block are coded by how far they are below its largest.
 *
 * ```text
 * lengths of codes     4 bits each
 * largest exponents    a byte a block; 0: all numbers of the block are +0, and nothing else of it follows
 * signs and mantissas  24 bits a number
 * distances            a prefix code each (Huffman's), with 8 bits more where one is `FAR` or further
 * ```
 *
 * Weights and gradients take 83 to 85% of their bytes.
 * @module
 */

/**
 * Links up to so many bits a second send packed numbers sooner. At 1 Gbit/s a rank of one core is busy while it sends,
 * and packing takes it longer than it saves (`tests/bench/README.md`).
 */
export const PACKED_UP_TO: number = 4e8;
/** Fewer numbers are sent as they are. */
export const FEWEST_PACKED: number = 1 << 12;

/** Numbers of a block. */
const BLOCK = 128;
/** Distances from here on have one code, and follow as they are. */
const FAR = 15;
const SYMBOLS = FAR + 1;
/** Bits of the longest code: those of two fit into 16. */
const LONGEST = 8;
/** Bits that unpacking looks up at once. */
const LOOKED_AT = 10;
/** One block of so many is counted to choose the codes. */
const COUNTED = 8;
/** Signs and mantissas of a block, in words. */
const RAW_WORDS = BLOCK * 3 / 4;
const HEADER = SYMBOLS / 2;

/**
 * Packs numbers into `room`, which has as many bytes as they have, or more. Returns the part of it that was written;
 * null: they need no fewer bytes packed.
 */
export function packFloats(
  values: Float32Array,
  room: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> | null {
  const { words, whole, blocks } = blocksOf(values);
  const tail = new Uint32Array(whole < blocks ? BLOCK : 0);
  tail.set(words.subarray(whole * BLOCK));
  const start = rawStart(blocks);
  if (start > values.byteLength) return null;
  const bases = room.subarray(HEADER, HEADER + blocks);
  const kept = findBases(words, bases.subarray(0, whole)) +
    findBases(tail, bases.subarray(whole));
  const codes = codesFor(distancesIn(words, bases.subarray(0, whole)));
  for (let i = 0; i < SYMBOLS; i += 2) {
    room[i / 2] = codes.lengths[i] | codes.lengths[i + 1] << 4;
  }
  const left = values.byteLength - start - 4 * RAW_WORDS * kept;
  if (left <= 0) return null;
  const { buffer, byteOffset } = room;
  const raw = new Uint32Array(buffer, byteOffset + start, RAW_WORDS * kept);
  const codedStart = start + raw.byteLength;
  const coded = new Uint16Array(buffer, byteOffset + codedStart, left >> 1);
  const streams: PackedStreams = { ...START, raw, coded };
  const fits = packBlocks(words, bases.subarray(0, whole), {
    codes,
    streams,
  }) && packBlocks(tail, bases.subarray(whole), { codes, streams });
  if (!fits || streams.codedAt + 2 > coded.length) return null;
  coded[streams.codedAt] = streams.bits;
  coded[streams.codedAt + 1] = 0; // whoever unpacks reads on to the next 16 bits
  const bytes = codedStart + 2 * (streams.codedAt + 2);
  return bytes < values.byteLength ? room.subarray(0, bytes) : null;
}

/** Writes the numbers of what `packFloats` gave; there must be room for as many as it was given. */
export function unpackFloats(
  packed: Uint8Array<ArrayBuffer>,
  into: Float32Array,
): void {
  const { words, whole, blocks } = blocksOf(into);
  const lengths = Uint8Array.from(
    { length: SYMBOLS },
    (_, i) => packed[i >> 1] >>> 4 * (i & 1) & 15,
  );
  const bases = packed.subarray(HEADER, HEADER + blocks);
  const kept = bases.reduce((n, base) => base > 0 ? n + 1 : n, 0);
  const { buffer, byteOffset, byteLength } = packed;
  const start = rawStart(blocks);
  const raw = new Uint32Array(buffer, byteOffset + start, RAW_WORDS * kept);
  const codedStart = start + raw.byteLength;
  const coded = new Uint16Array(
    buffer,
    byteOffset + codedStart,
    byteLength - codedStart >> 1,
  );
  const of = { table: tableOf(lengths), streams: { ...START, raw, coded } };
  unpackBlocks(words, bases.subarray(0, whole), of);
  if (whole === blocks) return;
  const tail = new Uint32Array(BLOCK);
  unpackBlocks(tail, bases.subarray(whole), of);
  words.set(tail.subarray(0, words.length - whole * BLOCK), whole * BLOCK);
}

/** Numbers as words, and how many blocks they are: whole ones, and all. */
function blocksOf({ buffer, byteOffset, length }: Float32Array) {
  return {
    words: new Uint32Array(buffer, byteOffset, length),
    whole: Math.floor(length / BLOCK),
    blocks: Math.ceil(length / BLOCK),
  };
}

/** Where signs and mantissas begin. */
function rawStart(blocks: number): number {
  return Math.ceil((HEADER + blocks) / 4) * 4;
}

/** Where packing or unpacking is. */
interface PackedStreams {
  readonly raw: Uint32Array;
  rawAt: number;
  readonly coded: Uint16Array;
  codedAt: number;
  /** Bits of codes that are not in `coded`, or no longer, the next one lowest, and how many. */
  bits: number;
  used: number;
}

const START = { rawAt: 0, codedAt: 0, bits: 0, used: 0 };

/** Finds the largest exponent of each block. Returns how many blocks are not zero. */
function findBases(words: Uint32Array, bases: Uint8Array): number {
  let kept = 0;
  for (let block = 0, at = 0; block < bases.length; block++) {
    let largest = 0;
    let all = 0;
    for (const end = at + BLOCK; at < end; at++) {
      const word = words[at];
      const magnitude = word & 0x7fffffff;
      if (magnitude > largest) largest = magnitude;
      all |= word;
    }
    // 0 says that all are +0: -0 and denormal numbers count as one below 1
    bases[block] = all === 0 ? 0 : Math.max(1, largest >>> 23);
    if (all !== 0) kept++;
  }
  return kept;
}

/** How often each distance occurs in some of the blocks; at least once. */
function distancesIn(words: Uint32Array, bases: Uint8Array): Uint32Array {
  const counts = new Uint32Array(SYMBOLS).fill(1);
  for (let block = 0; block < bases.length; block += COUNTED) {
    const base = bases[block];
    if (base === 0) continue;
    const start = block * BLOCK;
    for (let at = start; at < start + BLOCK; at++) {
      counts[Math.min(FAR, base - (words[at] >>> 23 & 255))]++;
    }
  }
  return counts;
}

/** Codes of distances, the first bit lowest. */
interface Codes {
  readonly lengths: Uint8Array;
  readonly codes: Uint32Array;
  /** Codes of two distances (16 a + b), one behind the other, and their length (from bit 16). */
  readonly pairs: Uint32Array;
}

/** The best codes by Huffman; counts are made more alike until none is longer than `LONGEST`. */
function codesFor(counts: Uint32Array): Codes {
  const lengths = new Uint8Array(SYMBOLS);
  for (let alike = 0;; alike++) {
    lengths.fill(0);
    const nodes = Array.from(counts, (count, symbol) => ({
      count: (count >>> alike) + 1,
      symbols: [symbol],
    }));
    while (nodes.length > 1) {
      nodes.sort((a, b) => b.count - a.count);
      const [a, b] = nodes.splice(-2);
      const symbols = [...a.symbols, ...b.symbols];
      for (const symbol of symbols) lengths[symbol]++;
      nodes.push({ count: a.count + b.count, symbols });
    }
    if (lengths.every((length) => length <= LONGEST)) break;
  }
  const codes = codesOf(lengths);
  const pairs = Uint32Array.from({ length: SYMBOLS * SYMBOLS }, (_, i) => {
    const [a, b] = [i >>> 4, i & 15];
    return codes[a] | codes[b] << lengths[a] | lengths[a] + lengths[b] << 16;
  });
  return { lengths, codes, pairs };
}

/** Codes by length, then by symbol. */
function codesOf(lengths: Uint8Array): Uint32Array {
  const codes = new Uint32Array(SYMBOLS);
  let next = 0;
  for (let length = 1; length <= LONGEST; length++) {
    for (let symbol = 0; symbol < SYMBOLS; symbol++) {
      if (lengths[symbol] !== length) continue;
      for (let bit = 0; bit < length; bit++) {
        codes[symbol] |= (next >>> length - 1 - bit & 1) << bit;
      }
      next++;
    }
    next <<= 1;
  }
  return codes;
}

/** Packs the blocks of `bases`. Returns false where codes take more room than there is. */
function packBlocks(
  words: Uint32Array,
  bases: Uint8Array,
  { codes: { lengths, codes, pairs }, streams }: {
    readonly codes: Codes;
    readonly streams: PackedStreams;
  },
): boolean {
  const { raw, coded } = streams;
  let { rawAt, codedAt, bits, used } = streams;
  for (let block = 0; block < bases.length; block++) {
    const base = bases[block];
    if (base === 0) continue;
    if (codedAt + BLOCK > coded.length) return false; // two bytes a number at most
    const start = block * BLOCK;
    const end = start + BLOCK;
    for (let at = start; at < end; at += 4, rawAt += 3) {
      const a = words[at], b = words[at + 1]; // not as a list: that takes a fifth longer
      const c = words[at + 2], d = words[at + 3];
      const a24 = a & 0x7fffff | a >>> 31 << 23;
      const b24 = b & 0x7fffff | b >>> 31 << 23;
      const c24 = c & 0x7fffff | c >>> 31 << 23;
      const d24 = d & 0x7fffff | d >>> 31 << 23;
      raw[rawAt] = a24 | b24 << 24;
      raw[rawAt + 1] = b24 >>> 8 | c24 << 16;
      raw[rawAt + 2] = c24 >>> 16 | d24 << 8;
    }
    for (let at = start; at < end; at += 2) {
      const first = base - (words[at] >>> 23 & 255);
      const second = base - (words[at + 1] >>> 23 & 255);
      if (first < FAR && second < FAR) {
        const pair = pairs[first << 4 | second];
        bits |= (pair & 0xffff) << used;
        used += pair >>> 16;
        if (used < 16) continue;
        coded[codedAt++] = bits;
        bits >>>= 16;
        used -= 16;
        continue;
      }
      for (let i = 0; i < 2; i++) {
        const distance = i === 0 ? first : second;
        const symbol = distance < FAR ? distance : FAR;
        bits |= codes[symbol] << used;
        used += lengths[symbol];
        if (symbol === FAR) {
          bits |= distance << used;
          used += 8;
        }
        if (used < 16) continue;
        coded[codedAt++] = bits;
        bits >>>= 16;
        used -= 16;
      }
    }
  }
  Object.assign(streams, { rawAt, codedAt, bits, used });
  return true;
}

/**
 * What each next `LOOKED_AT` bits begin with: the first symbol (from bit 0) and its length (4), the next symbol (8) and
 * the length of both (12; 0: the second is not whole, or one of them is `FAR`).
 */
function tableOf(lengths: Uint8Array): Uint16Array {
  const single = new Uint8Array(1 << LOOKED_AT);
  const codes = codesOf(lengths);
  for (const [symbol, length] of lengths.entries()) {
    for (let at = codes[symbol]; at < single.length; at += 1 << length) {
      single[at] = symbol | length << 4;
    }
  }
  return Uint16Array.from(single, (first, bits) => {
    const length = first >>> 4;
    const next = single[bits >>> length];
    const both = length + (next >>> 4);
    const isPair = both <= LOOKED_AT && (first & 15) !== FAR &&
      (next & 15) !== FAR;
    return isPair ? first | (next & 15) << 8 | both << 12 : first;
  });
}

/** Unpacks the blocks of `bases`. */
function unpackBlocks(
  words: Uint32Array,
  bases: Uint8Array,
  { table, streams }: {
    readonly table: Uint16Array;
    readonly streams: PackedStreams;
  },
): void {
  const { raw, coded } = streams;
  let { rawAt, codedAt, bits, used } = streams;
  const mask = (1 << LOOKED_AT) - 1;
  for (let block = 0; block < bases.length; block++) {
    const base = bases[block];
    const start = block * BLOCK;
    const end = start + BLOCK;
    if (base === 0) {
      words.fill(0, start, end);
      continue;
    }
    for (let at = start; at < end;) {
      if (used < 16) {
        bits |= coded[codedAt++] << used;
        used += 16;
      }
      const found = table[bits & mask];
      const both = found >>> 12;
      let distance = found & 15;
      if (both > 0 && at + 1 < end) {
        bits >>>= both;
        used -= both;
        words[at] = base - distance << 23;
        words[at + 1] = base - (found >>> 8 & 15) << 23;
        at += 2;
        continue;
      }
      const length = found >>> 4 & 15;
      bits >>>= length;
      used -= length;
      if (distance === FAR) {
        distance = bits & 255;
        bits >>>= 8;
        used -= 8;
      }
      words[at++] = base - distance << 23;
    }
    for (let at = start; at < end; at += 4, rawAt += 3) {
      const u = raw[rawAt], v = raw[rawAt + 1], w = raw[rawAt + 2];
      const b = u >>> 24 | (v & 0xffff) << 8;
      const c = v >>> 16 | (w & 255) << 16;
      words[at] |= u & 0x7fffff | (u & 0x800000) << 8;
      words[at + 1] |= b & 0x7fffff | (b & 0x800000) << 8;
      words[at + 2] |= c & 0x7fffff | (c & 0x800000) << 8;
      words[at + 3] |= w >>> 8 & 0x7fffff | w & 0x80000000;
    }
  }
  Object.assign(streams, { rawAt, codedAt, bits, used });
}
