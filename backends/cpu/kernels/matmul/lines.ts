/**
 * Packed columns where the micro-kernel reads them: in structs of the module's own, not in its memory. Deno does not
 * catch bad addresses by guard pages, so V8 compares each address with the size of the memory, which costs the
 * micro-kernel a seventh of its speed; the fields of a struct need no check.
 *
 * ```text
 * panel 0, k 0 .. 31 | panel 0, k 32 .. 63 | ... | panel 1, k 0 .. 31 | ...     a struct each: 32 lines of 8 columns
 * ```
 * @module
 */
import {
  type FunctionRef,
  i64,
  type ModuleBuilder,
  type Structs,
  v128,
} from "../../assembler/mod.ts";

/** Lines of a struct: values of k. */
export const LINES = 32;
/** Bytes of one line. */
const LINE_BYTES = 32;
/** Bytes that may be read behind packed panels. */
export const LINES_BEHIND = LINES * LINE_BYTES;

/** At least `count` structs of lines. */
export function linesOf(module: ModuleBuilder, count: number): Structs {
  return module.structs("v128", 2 * LINES, count);
}

/** The function (from, panels, depth) that copies packed panels into structs, from number 0 on. */
export function copyLines(module: ModuleBuilder, lines: Structs): FunctionRef {
  return module.once(
    "copy lines",
    () =>
      module.function({ parameters: ["i64", "i64", "i64"] }, (f) => {
        const [from, panels, depth] = [0, 1, 2].map((i) =>
          f.parameter("i64", i)
        );
        const index = f.local("i64");
        const panel = f.local("i64", from);
        f.for(i64.const(0), panels, 1, () => {
          const at = f.local("i64", panel);
          f.for(i64.const(0), depth, LINES, () => {
            // all 32 lines, also where fewer are left: nobody reads the others
            f.makeStruct(lines, index);
            const struct = f.struct(lines, index);
            for (let field = 0; field < 2 * LINES; field++) {
              f.setField(struct, field, v128.load(at, 16 * field));
            }
            f.increase(at, i64.const(LINES_BEHIND));
            f.increase(index, i64.const(1));
          });
          f.increase(panel, i64.mul(depth, i64.const(LINE_BYTES)));
        });
      }),
  );
}
