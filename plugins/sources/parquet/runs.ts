/**
 * Looks at run-length encoded numbers before they are unpacked: five bytes may claim a thousand million of
 * them, and the decoder believes it.
 * @module
 */

/** Bit-packed runs are filled up to whole groups; some writers fill them generously. */
const PADDING = 512;

/**
 * Throws where the runs from `at` to `end` claim more than `count` numbers of `width` bits. Fewer are for
 * the decoder to notice: nulls have none.
 */
export function checkRuns(
  bytes: Uint8Array,
  { at, end, width, count }: {
    readonly at: number;
    readonly end: number;
    readonly width: number;
    readonly count: number;
  },
): void {
  if (end > bytes.length) throw new Error("a page ends within its levels");
  let seen = 0;
  while (seen < count && at < end) {
    let header = 0;
    let scale = 1;
    for (;;) {
      if (at >= end) throw new Error("a page ends within its runs");
      const byte = bytes[at++];
      header += (byte & 0x7f) * scale;
      if ((byte & 0x80) === 0) break;
      scale *= 128;
      if (scale > 2 ** 35) throw new Error("a page has a run without end");
    }
    const isPacked = header % 2 === 1;
    const half = Math.floor(header / 2);
    const numbers = isPacked ? half * 8 : half;
    if (numbers > count - seen + (isPacked ? PADDING : 0)) {
      throw new Error(
        `a page claims ${seen + numbers} numbers where it has ${count}`,
      );
    }
    seen += numbers;
    at += isPacked ? half * width : (width + 7) >> 3;
  }
}
