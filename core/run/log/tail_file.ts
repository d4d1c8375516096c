/**
 * Reads a file of lines while it grows: each call gives what was appended since the last one. A file that was cut back,
 * replaced or written anew is noticed by its size, its identity and the bytes before the place that was reached, and is
 * read from its start again.
 * @module
 */

/** Bytes of a line at most: longer ones are left out, and counted. */
const MOST_LINE_BYTES = 16 * 2 ** 20;
const CHUNK_BYTES = 2 ** 20;
/** Bytes before the place that was reached which must still be the same. */
const MARK_BYTES = 96;

/** What receives the lines of a file. */
export interface LineReceiver {
  /** The file is another one than before: what it gave so far is void. */
  restart(): void;
  /** A whole line, without its end. */
  line(text: string): void;
  /** A line that is too long to be read. */
  tooLong(): void;
}

/** A file of lines that others write. */
export class TailFile {
  readonly #path: string;
  readonly #decoder = new TextDecoder();
  #offset = 0;
  #mark: Uint8Array = new Uint8Array(0);
  #seen: { size: number; changed: number; file: number | null } | null = null;
  /** Within a line that is too long. */
  #skips = false;

  /** Nothing is read yet. */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Gives what is new. Returns whether anything was; a file that cannot be read gives nothing. Throws where this
   * process has no permission for it.
   */
  async read(to: LineReceiver): Promise<boolean> {
    let info: Deno.FileInfo;
    try {
      info = await Deno.stat(this.#path);
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
      return this.#gone(to);
    }
    if (!info.isFile) return this.#gone(to); // opening a pipe would wait for its writer
    const now = {
      size: info.size,
      changed: info.mtime?.getTime() ?? 0,
      file: info.ino,
    };
    const before = this.#seen;
    if (
      before !== null && before.size === now.size &&
      before.changed === now.changed && before.file === now.file
    ) return false;
    try {
      using file = await Deno.open(this.#path);
      const isOther = before !== null &&
        (before.file !== now.file || now.size < this.#offset ||
          !await this.#markHolds(file));
      if (isOther) this.#restart(to);
      const found = await this.#readOn(file, to);
      this.#seen = now;
      return found || isOther;
    } catch {
      return false; // it vanished or is not for us: the next call looks again
    }
  }

  #gone(to: LineReceiver): boolean {
    if (this.#seen === null) return false;
    this.#restart(to);
    this.#seen = null;
    return true;
  }

  #restart(to: LineReceiver): void {
    this.#offset = 0;
    this.#mark = new Uint8Array(0);
    this.#skips = false;
    to.restart();
  }

  async #markHolds(file: Deno.FsFile): Promise<boolean> {
    const { length } = this.#mark;
    await file.seek(this.#offset - length, Deno.SeekMode.Start);
    const found = new Uint8Array(length);
    let at = 0;
    while (at < length) {
      const n = await file.read(found.subarray(at));
      if (n === null) return false;
      at += n;
    }
    return found.every((byte, i) => byte === this.#mark[i]);
  }

  async #readOn(file: Deno.FsFile, to: LineReceiver): Promise<boolean> {
    await file.seek(this.#offset, Deno.SeekMode.Start);
    let pending = new Uint8Array(0);
    let any = false;
    for (;;) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const n = await file.read(chunk);
      if (n === null) return any;
      const bytes = joined(pending, chunk.subarray(0, n));
      let start = 0;
      // the pending part is known to have no end of line
      let newline = bytes.indexOf(10, pending.length);
      for (; newline >= 0; newline = bytes.indexOf(10, start)) {
        if (this.#skips || newline - start > MOST_LINE_BYTES) to.tooLong();
        else to.line(this.#decoder.decode(bytes.subarray(start, newline)));
        this.#skips = false;
        start = newline + 1;
        any = true;
      }
      this.#advance(bytes.subarray(0, start));
      pending = bytes.slice(start);
      if (this.#skips || pending.length > MOST_LINE_BYTES) {
        this.#skips = true;
        this.#advance(pending);
        pending = new Uint8Array(0);
      }
    }
  }

  #advance(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#offset += bytes.length;
    this.#mark = joined(this.#mark, bytes.subarray(-MARK_BYTES)).slice(
      -MARK_BYTES,
    );
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
