/**
 * Runs the instructions of an expression on a text. Every instruction counts as a step, and the steps of a search
 * are bounded: `(a+)+$` ends with an error, where JavaScript's own engine runs for years.
 *
 * What is left to try is on a stack of entries (instruction, position, kind):
 *
 * | kind      | means                                                            |
 * | --------- | ---------------------------------------------------------------- |
 * | TRY       | continue at the instruction, at the position                      |
 * | >= 0      | a greedy run that ends at the position and may shrink to the kind |
 * | RESTORE   | register `instruction` held `position` before                     |
 * | lazy runs | -10 - count: the run may grow by so many characters               |
 * @module
 */
import type { CharSet } from "./char_set.ts";
import { ANCHORS, Op, type Program } from "./compile.ts";

const TRY = -1;
const RESTORE = -2;
const LAZY = -10;
/** Entries of the stack: 48 MB. */
const MAX_ENTRIES = 1 << 22;

/** A search took more steps, or more memory, than it may. */
export class BudgetSpent extends Error {}

/** Matches one expression. */
export class Matcher {
  readonly #program: Program;
  readonly #word: CharSet;
  readonly #registers: Int32Array;
  #stack = new Int32Array(3 * 256);
  #top = 0;
  #text = "";
  #left = 0;

  constructor(program: Program, word: CharSet) {
    this.#program = program;
    this.#word = word;
    this.#registers = new Int32Array(program.registers);
  }

  /** Takes a text and the steps that may be spent on it. */
  begin(text: string, steps: number): void {
    this.#text = text;
    this.#left = steps;
    this.#top = 0;
  }

  /** The end of the match that starts at a position, or -1; with `end`, of one that ends there. */
  at(position: number, end = -1): number {
    this.#top = 0;
    return this.#run(0, position, end);
  }

  #push(pc: number, position: number, kind: number): void {
    if (this.#top + 3 > this.#stack.length) {
      if (this.#stack.length >= 3 * MAX_ENTRIES) throw new BudgetSpent();
      const larger = new Int32Array(this.#stack.length * 2);
      larger.set(this.#stack);
      this.#stack = larger;
    }
    this.#stack[this.#top++] = pc;
    this.#stack[this.#top++] = position;
    this.#stack[this.#top++] = kind;
  }

  /** Runs from an instruction; gives the position at `match`, or -1. */
  #run(start: number, from: number, target: number): number {
    const { op, a, b, c, sets } = this.#program;
    const text = this.#text;
    const base = this.#top;
    let pc = start;
    let at = from;
    while (true) {
      if (--this.#left < 0) throw new BudgetSpent();
      let ok = true;
      switch (op[pc]) {
        case Op.char: {
          const code = a[pc];
          if (code > 0xffff) {
            ok = text.codePointAt(at) === code;
            at += 2;
          } else ok = text.charCodeAt(at++) === code;
          pc++;
          break;
        }
        case Op.set: {
          const code = codeAt(text, at);
          ok = code >= 0 && sets[a[pc]].has(code);
          at += code > 0xffff ? 2 : 1;
          pc++;
          break;
        }
        case Op.greedyRun:
        case Op.possessiveRun: {
          const least = this.#forward(sets[a[pc]], at, b[pc]);
          if (least < 0) {
            ok = false;
            break;
          }
          const most = this.#most(sets[a[pc]], least, c[pc] - b[pc]);
          if (op[pc] === Op.greedyRun && most > least) {
            this.#push(pc + 1, most, least);
          }
          at = most;
          pc++;
          break;
        }
        case Op.lazyRun: {
          const least = this.#forward(sets[a[pc]], at, b[pc]);
          if (least < 0) {
            ok = false;
            break;
          }
          const more = Math.min(c[pc] - b[pc], text.length);
          if (more > 0) this.#push(pc, least, LAZY - more);
          at = least;
          pc++;
          break;
        }
        case Op.split: {
          // most branches fail at their first character: then nothing needs to be kept
          if (this.#mayStart(a[pc], at)) {
            this.#push(b[pc], at, TRY);
            pc = a[pc];
          } else pc = b[pc];
          break;
        }
        case Op.jump:
          pc = a[pc];
          break;
        case Op.mark:
          this.#push(a[pc], this.#registers[a[pc]], RESTORE);
          this.#registers[a[pc]] = at;
          pc++;
          break;
        case Op.progress:
          pc = this.#registers[a[pc]] === at ? c[pc] : b[pc];
          break;
        case Op.anchor:
          ok = this.#isAt(a[pc], at);
          pc++;
          break;
        case Op.atomic: {
          const end = this.#run(pc + 1, at, -1);
          ok = end >= 0;
          at = end;
          pc = a[pc];
          break;
        }
        case Op.ahead:
          ok = (this.#run(pc + 1, at, -1) >= 0) === (b[pc] === 0);
          pc = a[pc];
          break;
        case Op.behind:
          ok = this.#isBehind(pc, at) === (b[pc] === 0);
          pc = a[pc];
          break;
        default: // match
          if (target < 0 || at === target) {
            this.#top = base;
            return at;
          }
          ok = false;
      }
      if (ok) continue;
      // back to what was left to try
      while (true) {
        if (this.#top === base) return -1;
        const kind = this.#stack[--this.#top];
        const position = this.#stack[--this.#top];
        const instruction = this.#stack[--this.#top];
        if (kind === RESTORE) {
          this.#registers[instruction] = position;
          continue;
        }
        if (kind === TRY) {
          at = position;
          pc = instruction;
        } else if (kind >= 0) {
          at = before(text, position);
          pc = instruction;
          if (at > kind) this.#push(pc, at, kind);
        } else {
          const code = codeAt(text, position);
          if (code < 0 || !sets[a[instruction]].has(code)) continue;
          at = position + (code > 0xffff ? 2 : 1);
          pc = instruction + 1;
          const more = LAZY - kind - 1;
          if (more > 0) this.#push(instruction, at, LAZY - more);
        }
        break;
      }
    }
  }

  /** Whether an instruction can match at a position, judged by the character there. */
  #mayStart(pc: number, at: number): boolean {
    const { op, a, b, sets } = this.#program;
    switch (op[pc]) {
      case Op.char:
        return a[pc] > 0xffff || this.#text.charCodeAt(at) === a[pc];
      case Op.greedyRun:
      case Op.possessiveRun:
        if (b[pc] === 0) return true;
      // falls through: a run of at least one begins as a set does
      case Op.set: {
        const code = codeAt(this.#text, at);
        return code >= 0 && sets[a[pc]].has(code);
      }
      default:
        return true;
    }
  }

  /** The position after `count` characters of a set, or -1. */
  #forward(set: CharSet, from: number, count: number): number {
    let at = from;
    for (let i = 0; i < count; i++) {
      const code = codeAt(this.#text, at);
      if (code < 0 || !set.has(code)) return -1;
      at += code > 0xffff ? 2 : 1;
    }
    return at;
  }

  /** The position after all characters of a set, `count` at most. */
  #most(set: CharSet, from: number, count: number): number {
    const text = this.#text;
    let at = from;
    let left = count;
    for (; left > 0 && at < text.length; left--) {
      const code = codeAt(text, at);
      if (!set.has(code)) break;
      at += code > 0xffff ? 2 : 1;
    }
    this.#left -= (at - from) >> 2; // a character of a run is cheaper than an instruction
    return at;
  }

  #isBehind(pc: number, at: number): boolean {
    const { min, max } = this.#program.widths[this.#program.c[pc]];
    let from = at;
    for (let width = 0; width <= max; width++) {
      if (width >= min && this.#run(pc + 1, from, at) >= 0) return true;
      if (from === 0) return false;
      from = before(this.#text, from);
    }
    return false;
  }

  #isAt(number: number, at: number): boolean {
    const text = this.#text;
    switch (ANCHORS[number]) {
      case "text-start":
        return at === 0;
      case "text-end":
        return at === text.length;
      case "text-end-or-newline":
        return at === text.length ||
          (at === text.length - 1 && text[at] === "\n");
      case "line-start":
        return at === 0 || (text[at - 1] === "\n" && at < text.length);
      case "line-end":
        return at === text.length || text[at] === "\n";
      case "word":
        return this.#isBorder(at);
      case "not-word":
        return !this.#isBorder(at);
      case "not-word-in-text": // Python's, which an empty text does not have
        return text !== "" && !this.#isBorder(at);
    }
  }

  #isBorder(at: number): boolean {
    const text = this.#text;
    const left = at > 0 && this.#word.has(codeAt(text, before(text, at)));
    const right = at < text.length && this.#word.has(codeAt(text, at));
    return left !== right;
  }
}

/** The code point at a position; -1 at the end. */
function codeAt(text: string, at: number): number {
  if (at >= text.length) return -1;
  const unit = text.charCodeAt(at);
  if (unit < 0xd800 || unit > 0xdbff) return unit;
  return text.codePointAt(at) ?? -1;
}

/** The position of the character before. */
function before(text: string, at: number): number {
  const unit = text.charCodeAt(at - 1);
  if (unit < 0xdc00 || unit > 0xdfff || at < 2) return at - 1;
  const high = text.charCodeAt(at - 2);
  return high >= 0xd800 && high <= 0xdbff ? at - 2 : at - 1;
}
