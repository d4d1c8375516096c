/**
 * A whole product in machine code: c = or += alpha op(a) op(b), cut as in BLIS (doi 10.1145/2764454) so that each part is
 * in a cache while it is used.
 *
 * ```text
 *   for each block of columns of b        packed b (terms x columns) stays in the second cache
 *     for each block of terms
 *       pack b, a panel of a tile's width at a time
 *       for each tile's rows of a         packed a (rows x terms) stays in the first cache
 *         pack a
 *         for each panel of b: a tile     sums in registers
 * ```
 *
 * RDI has the frame's address and R15 the functions' throughout.
 * @module
 */
import { Encoder, Label } from "./encoder.ts";
import {
  ADDS,
  BEHIND_ONES,
  FLAGS,
  type FrameNumber,
  inFrame,
  LANES,
} from "./frame.ts";
import { addFunctions, type FunctionNumbers } from "./functions.ts";
import {
  R10,
  R11,
  R12,
  R13,
  R14,
  R15,
  R8,
  R9,
  RAX,
  RBP,
  RBX,
  RCX,
  RDX,
  type Register,
  RSI,
} from "./place.ts";
import type { TileShape } from "./tile.ts";

/** A product's code, which runs wherever it is put. */
export interface ProductCode {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where it begins: a function of one argument, the frame's address. */
  readonly start: number;
  /** Where the functions begin whose addresses the frame's `functions` has. */
  readonly functions: readonly number[];
  readonly numbers: FunctionNumbers;
}

/** Registers that a function leaves as they were (System V ABI, 3.2.1), of those that are changed. */
const KEPT = [RBX, RBP, R12, R13, R14, R15];

/** Assembles the code for tiles of this shape. */
export function productCode(shape: TileShape): ProductCode {
  const code = new Encoder();
  const { labels, numbers } = addFunctions(code, shape);
  code.align(32);
  const start = code.length;
  code.callable();
  for (const register of KEPT) code.push(register);
  code.load(R15, inFrame("functions"));
  new Loops(code, shape, numbers).columns();
  code.zeroUpper();
  for (const register of KEPT.toReversed()) code.pop(register);
  code.returnZero();
  return {
    bytes: code.bytes(),
    start,
    functions: labels.map(({ position }) => position ?? 0),
    numbers,
  };
}

/** Writes the loops around the functions. Every number that outlives a call is in the frame or in R12 to R15 and RBP. */
class Loops {
  readonly #code: Encoder;
  readonly #shape: TileShape;
  readonly #numbers: FunctionNumbers;
  readonly #lanes: number;
  readonly #lanesLog: number;
  /** Columns of a whole tile. */
  readonly #across: number;

  constructor(code: Encoder, shape: TileShape, numbers: FunctionNumbers) {
    this.#code = code;
    this.#shape = shape;
    this.#numbers = numbers;
    this.#lanes = shape.width / 32;
    this.#lanesLog = Math.log2(this.#lanes);
    this.#across = shape.vectors * this.#lanes;
  }

  /** All blocks of columns. */
  columns(): void {
    const code = this.#code;
    this.#count("column", { to: "n", step: this.#shape.columns }, () => {
      this.#rest("columns", {
        of: "n",
        from: "column",
        most: this.#shape.columns,
      });
      this.#firstAdds();
      // where there are no terms, too: c becomes 0
      this.#count("term", { to: "k", step: this.#shape.terms }, () => {
        this.#rest("terms", { of: "k", from: "term", most: this.#shape.terms });
        this.#placeColumns();
        this.#count("row", { to: "m", step: this.#shape.rows }, () => {
          this.#rest("rows", { of: "m", from: "row", most: this.#shape.rows });
          this.#placeRows();
          this.#tiles();
        });
        code.moveConstant(RAX, ADDS.c); // later terms are added
        code.store(inFrame("adds"), RAX);
      });
    });
  }

  /** What the first terms are added to. */
  #firstAdds(): void {
    const code = this.#code;
    const toC = new Label(), toBias = new Label(), done = new Label();
    this.#jumpIf(FLAGS.accumulate, toC);
    code.load(RAX, inFrame("bias"));
    code.test(RAX);
    code.jumpIf("notZero", toBias);
    code.clear(RAX); // ADDS.nothing
    code.jump(done);
    code.place(toC);
    code.moveConstant(RAX, ADDS.c);
    code.jump(done);
    code.place(toBias);
    code.moveConstant(RAX, ADDS.bias);
    code.place(done);
    code.store(inFrame("adds"), RAX);
  }

  /** Does `body` for 0, `step`, ... below `to`, and at least once. */
  #count(
    name: FrameNumber,
    { to, step }: { readonly to: FrameNumber; readonly step: number },
    body: () => void,
  ): void {
    const code = this.#code;
    const again = new Label();
    code.clear(RAX);
    code.store(inFrame(name), RAX);
    code.place(again);
    body();
    code.load(RAX, inFrame(name));
    code.addConstant(RAX, step);
    code.store(inFrame(name), RAX);
    code.load(RCX, inFrame(to));
    code.compare(RAX, RCX);
    code.jumpIf("less", again);
  }

  /** What is left of a size, at most a block. */
  #rest(
    name: FrameNumber,
    { of, from, most }: {
      readonly of: FrameNumber;
      readonly from: FrameNumber;
      readonly most: number;
    },
  ): void {
    const code = this.#code;
    code.load(RAX, inFrame(of));
    code.load(RCX, inFrame(from));
    code.subtract(RAX, RCX);
    code.atMost(RAX, most);
    code.store(inFrame(name), RAX);
  }

  /** RAX = address of the number at (line, column) of a matrix; changes RCX and RDX, which has the line's bytes. */
  #addressIn(
    matrix: "a" | "b" | "c",
    { line, column }: { readonly line: Register; readonly column: Register },
  ): void {
    const code = this.#code;
    code.load(RDX, inFrame(`${matrix}Row`));
    code.move(RCX, column);
    code.move(RAX, line);
    code.multiply(RAX, RDX);
    code.address(RAX, { base: RAX, index: RCX, scale: 4 });
    code.load(RCX, inFrame(matrix));
    code.add(RAX, RCX);
  }

  /** The mask of the first 1 to `lanes` lanes; changes RCX, R8 and the first vector. */
  #mask(count: Register): void {
    const code = this.#code;
    if (this.#shape.width === 512) {
      code.move(RCX, count);
      code.moveConstant(R8, 1);
      code.shiftLeftByRcx(R8);
      code.decrement(R8);
      code.store(inFrame("mask"), R8);
      return;
    }
    code.move(RCX, count);
    code.shiftLeft(RCX, 2);
    code.address(R8, BEHIND_ONES);
    code.subtract(R8, RCX);
    code.vector(256, "vmovups", { target: 0, second: { base: R8 } });
    code.vector(256, "vmovupsStore", { target: 0, second: LANES });
  }

  /** Calls function number `index` + `first`; changes `index`. */
  #call(first: number, index: Register): void {
    const code = this.#code;
    code.addConstant(index, first);
    code.callAt({ base: R15, index, scale: 8 });
  }

  /** RSI = bytes of a packed term of R13 vectors. */
  #panelTerm(): void {
    this.#code.multiplyConstant(RSI, R13, 4 * this.#lanes);
  }

  /** Where the block of b is, and how far its panels are apart: packed, or as it is. */
  #placeColumns(): void {
    const code = this.#code;
    const direct = new Label(), placed = new Label();
    this.#jumpIf(FLAGS.directB, direct);
    this.#packColumns();
    code.load(RAX, inFrame("packedB"));
    code.load(RCX, inFrame("terms"));
    code.multiplyConstant(RCX, RCX, 4 * this.#across);
    code.jump(placed);
    code.place(direct);
    code.load(R10, inFrame("term"));
    code.load(R11, inFrame("column"));
    this.#addressIn("b", { line: R10, column: R11 });
    code.moveConstant(RCX, 4 * this.#across);
    code.place(placed);
    code.store(inFrame("bAt"), RAX);
    code.store(inFrame("panelBytes"), RCX);
  }

  /** Packs the block of b. RBP: where the panel is packed to; R14: its columns; R13: its vectors. */
  #packColumns(): void {
    const code = this.#code;
    code.load(RBP, inFrame("packedB"));
    this.#count("panel", { to: "columns", step: this.#across }, () => {
      const turned = new Label(), packed = new Label();
      code.load(R14, inFrame("columns"));
      code.load(RAX, inFrame("panel"));
      code.subtract(R14, RAX);
      code.atMost(R14, this.#across);
      code.address(R13, { base: R14, offset: this.#lanes - 1 });
      code.shiftRight(R13, this.#lanesLog);
      code.load(R11, inFrame("column"));
      code.add(R11, RAX); // the panel's first column
      code.load(R10, inFrame("term"));
      this.#jumpIf(FLAGS.transposeB, turned);
      this.#copyPanel(packed);
      code.place(turned);
      this.#turnPanel();
      code.place(packed);
      this.#panelTerm();
      code.load(RAX, inFrame("terms"));
      code.multiply(RAX, RSI);
      code.add(RBP, RAX);
    });
  }

  /** Lines of b across the terms; R11: first column, R10: first term. */
  #copyPanel(packed: Label): void {
    const code = this.#code;
    const part = new Label();
    this.#addressIn("b", { line: R10, column: R11 });
    code.move(RBX, RBP);
    this.#panelTerm();
    code.compareConstant(R14, this.#across);
    code.jumpIf("less", part);
    code.load(RCX, inFrame("terms"));
    code.clear(R12);
    this.#call(this.#numbers.copyColumns, R12);
    code.jump(packed);
    code.place(part);
    code.address(R9, { base: R13, offset: -1 });
    code.move(R12, R9);
    code.shiftLeft(R9, this.#lanesLog);
    code.move(R10, R14);
    code.subtract(R10, R9); // lanes of the last vector
    this.#mask(R10);
    code.load(RCX, inFrame("terms"));
    this.#call(this.#numbers.copyPart, R12);
    code.jump(packed);
  }

  /** Lines of b along the terms: as many as lanes at a time; R11: first line, R10: first term. */
  #turnPanel(): void {
    const code = this.#code;
    const again = new Label();
    this.#addressIn("b", { line: R11, column: R10 });
    code.store(inFrame("from"), RAX);
    code.store(inFrame("to"), RBP);
    code.store(inFrame("left"), R14);
    code.place(again);
    code.load(R12, inFrame("left"));
    code.atMost(R12, this.#lanes);
    code.load(RAX, inFrame("from"));
    code.load(RBX, inFrame("to"));
    code.load(RCX, inFrame("terms"));
    code.load(RDX, inFrame("bRow"));
    this.#panelTerm();
    this.#call(this.#numbers.turn - 1, R12);
    code.load(RDX, inFrame("bRow"));
    code.multiplyConstant(RDX, RDX, this.#lanes);
    code.load(RAX, inFrame("from"));
    code.add(RAX, RDX);
    code.store(inFrame("from"), RAX);
    code.load(RAX, inFrame("to"));
    code.addConstant(RAX, 4 * this.#lanes);
    code.store(inFrame("to"), RAX);
    code.load(RAX, inFrame("left"));
    code.subtractConstant(RAX, this.#lanes);
    code.store(inFrame("left"), RAX);
    code.jumpIf("greater", again);
  }

  /** Where a tile's rows of a are: packed, or as they are. */
  #placeRows(): void {
    const code = this.#code;
    const { rows } = this.#shape;
    const copied = new Label(), part = new Label();
    const packed = new Label(), placed = new Label();
    code.load(R10, inFrame("row"));
    code.load(R11, inFrame("term"));
    code.load(R12, inFrame("rows"));
    code.load(RBX, inFrame("packedA"));
    code.moveConstant(RSI, 4 * rows);
    this.#jumpIf(FLAGS.transposeA, copied);
    this.#addressIn("a", { line: R10, column: R11 });
    this.#jumpIfDirect(placed);
    code.load(RCX, inFrame("terms"));
    this.#call(this.#numbers.turn - 1, R12);
    code.jump(packed);
    code.place(copied);
    this.#addressIn("a", { line: R11, column: R10 });
    this.#jumpIfDirect(placed);
    code.compareConstant(R12, rows);
    code.jumpIf("less", part);
    code.load(RCX, inFrame("terms"));
    code.clear(R12);
    this.#call(this.#numbers.copyRows, R12);
    code.jump(packed);
    code.place(part);
    this.#mask(R12);
    code.load(RCX, inFrame("terms"));
    code.clear(R12);
    this.#call(this.#numbers.copyPart, R12); // rows of a tile fit in one vector
    code.place(packed);
    code.load(RAX, inFrame("rows"));
    code.load(R8, inFrame("whole"));
    code.add(R8, RAX);
    code.load(RAX, inFrame("packedA"));
    code.place(placed);
    code.store(inFrame("aAt"), RAX);
    code.store(inFrame("tile"), R8);
  }

  /** Jumps where whole tiles read a as it is, with the number of their function in R8, unless R12 rows are fewer. */
  #jumpIfDirect(label: Label): void {
    const code = this.#code;
    const packed = new Label();
    code.compareConstant(R12, this.#shape.rows);
    code.jumpIf("less", packed);
    code.load(R8, inFrame("direct"));
    code.test(R8);
    code.jumpIf("notZero", label);
    code.place(packed);
  }

  /** The tiles of these rows. R14: in c; R13: the panel; RBP: columns left; R12: rows. */
  #tiles(): void {
    const code = this.#code;
    const { vectors } = this.#shape;
    const again = new Label(), part = new Label(), done = new Label();
    code.load(R10, inFrame("row"));
    code.load(R11, inFrame("column"));
    this.#addressIn("c", { line: R10, column: R11 });
    code.move(R14, RAX);
    code.load(RAX, inFrame("bias"));
    code.address(RAX, { base: RAX, index: R11, scale: 4 });
    code.store(inFrame("biasAt"), RAX);
    code.load(R13, inFrame("bAt"));
    code.load(RBP, inFrame("columns"));
    code.load(R12, inFrame("rows"));
    const tile = (index: Register, first: number) => {
      code.load(RAX, inFrame("aAt"));
      code.move(RBX, R13);
      code.load(RCX, inFrame("terms"));
      code.move(RDX, R14);
      code.load(RSI, inFrame("cRow"));
      this.#call(first, index);
    };
    code.place(again);
    code.compareConstant(RBP, this.#across);
    code.jumpIf("less", part);
    code.load(R10, inFrame("tile"));
    tile(R10, 0);
    code.load(RAX, inFrame("panelBytes"));
    code.add(R13, RAX);
    code.load(RAX, inFrame("biasAt"));
    code.addConstant(RAX, 4 * this.#across);
    code.store(inFrame("biasAt"), RAX);
    code.addConstant(R14, 4 * this.#across);
    code.subtractConstant(RBP, this.#across);
    code.jumpIf("greater", again);
    code.jump(done);
    code.place(part);
    code.address(R11, { base: RBP, offset: this.#lanes - 1 });
    code.shiftRight(R11, this.#lanesLog);
    code.decrement(R11); // vectors before the last
    code.multiplyConstant(R10, R12, vectors);
    code.add(R10, R11);
    code.shiftLeft(R11, this.#lanesLog);
    code.move(R9, RBP);
    code.subtract(R9, R11); // lanes of the last
    this.#mask(R9);
    tile(R10, this.#numbers.part - vectors);
    code.place(done);
  }

  /** Jumps where a bit of the flags is set; changes RAX. */
  #jumpIf(flag: number, label: Label): void {
    const code = this.#code;
    code.load(RAX, inFrame("flags"));
    code.andConstant(RAX, flag);
    code.jumpIf("notZero", label);
  }
}
