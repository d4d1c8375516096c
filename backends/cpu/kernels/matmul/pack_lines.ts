/**
 * Packs the columns of b straight into the structs that the micro-kernel reads (`lines.ts`): what is packed into memory
 * first (`pack.ts`) is read and written once more, a tenth of the time of a product of 48 rows.
 * @module
 */
import { bytesOf, type DType } from "@denotune/denotune/device";
import {
  type FunctionBuilder,
  type FunctionRef,
  i64,
  type Int,
  type Local,
  type ModuleBuilder,
  type StructLocal,
  type Structs,
} from "../../assembler/mod.ts";
import { loadWidened } from "../convert.ts";
import { LINES } from "./lines.ts";
import { transpose4 } from "./pack.ts";
import { TILE_COLUMNS } from "./tile.ts";

/** Panels that are packed together: in float32 a line of the cache has the columns of two. */
const TOGETHER = 2;

/**
 * The function (from, stride, panels, count) for columns that are side by side (b of NN and TN): panels of eight
 * columns, `count` lines, `stride` bytes apart. It reads up to seven numbers behind the last column.
 */
export function packLinesStraight(
  module: ModuleBuilder,
  lines: Structs,
  dtype: DType,
): FunctionRef {
  const size = bytesOf(dtype);
  return module.once(
    `pack lines straight ${dtype}`,
    () =>
      module.function({ parameters: ["i64", "i64", "i64", "i64"] }, (f) => {
        const [from, stride, panels, count] = [0, 1, 2, 3].map((i) =>
          f.parameter("i64", i)
        );
        const perPanel = f.local("i64", i64.ceilDiv(count, LINES));
        const rest = f.local("i64", i64.and(count, i64.const(LINES - 1)));
        const index = f.local("i64", i64.const(0)); // of the first panel's next struct
        const first = f.local("i64", from);
        const some = (together: number) => {
          const row = f.local("i64", first);
          const structs = () => {
            const made = Array.from({ length: together }, (_, panel) => {
              const own = i64.add(
                index,
                i64.mul(perPanel, i64.const(panel)),
              );
              return newStruct(f, lines, own);
            });
            f.increase(index, i64.const(1));
            return made;
          };
          const copyRow = (made: readonly StructLocal[], line: number) => {
            for (const [panel, struct] of made.entries()) {
              for (const half of [0, 1]) {
                const at = (panel * TILE_COLUMNS + 4 * half) * size;
                const value = loadWidened(f, dtype, row, at);
                f.setField(struct, 2 * line + half, value);
              }
            }
          };
          f.for(i64.const(LINES), i64.add(count, i64.const(1)), LINES, () => {
            const made = structs();
            for (let line = 0; line < LINES; line++) {
              copyRow(made, line);
              f.increase(row, stride);
            }
          });
          f.if(i64.gtS(rest, i64.const(0)), () => {
            const made = structs();
            f.block((done) => {
              for (let line = 0; line < LINES; line++) {
                f.branch(done, i64.leS(rest, i64.const(line)));
                copyRow(made, line);
                f.increase(row, stride);
              }
            });
          });
          // the other panels' structs are behind those of the first
          f.increase(index, i64.mul(perPanel, i64.const(together - 1)));
          f.increase(first, i64.const(together * TILE_COLUMNS * size));
        };
        f.for(
          i64.const(TOGETHER),
          i64.add(panels, i64.const(1)),
          TOGETHER,
          () => some(TOGETHER),
        );
        f.if(
          i64.gtS(i64.and(panels, i64.const(TOGETHER - 1)), i64.const(0)),
          () => some(1),
        );
      }),
  );
}

/**
 * The function (from, stride, columns, count) for columns that are rows of memory (b of NT), `stride` bytes apart;
 * `count` numbers of each, a multiple of 32. Of a last panel that is not full, the last column is packed again.
 */
export function packLinesTransposed(
  module: ModuleBuilder,
  lines: Structs,
  dtype: DType,
): FunctionRef {
  const size = bytesOf(dtype);
  return module.once(
    `pack lines transposed ${dtype}`,
    () =>
      module.function({ parameters: ["i64", "i64", "i64", "i64"] }, (f) => {
        const [from, stride, columns, count] = [0, 1, 2, 3].map((i) =>
          f.parameter("i64", i)
        );
        const index = f.local("i64", i64.const(0));
        const last = f.local("i64", i64.sub(columns, i64.const(1)));
        f.for(i64.const(0), columns, TILE_COLUMNS, (column) => {
          // eight columns a panel, each with a pointer of its own that walks along k
          const pointers = Array.from({ length: TILE_COLUMNS }, (_, i) => {
            const own = f.local("i64", i64.add(column, i64.const(i)));
            const row = i64.mul(i64.min(own, last), stride);
            return f.local("i64", i64.add(from, row));
          });
          f.for(i64.const(0), count, LINES, () => {
            const struct = newStruct(f, lines, index);
            for (let line = 0; line < LINES; line += 4) {
              // four numbers of each of the eight columns become four lines of eight
              const loaded = pointers.map((p) =>
                f.local("v128", loadWidened(f, dtype, p, line * size))
              );
              for (const half of [0, 1]) {
                const four = transpose4(
                  f,
                  loaded.slice(4 * half, 4 * half + 4),
                );
                for (const [i, value] of four.entries()) {
                  f.setField(struct, 2 * (line + i) + half, value);
                }
              }
            }
            for (const p of pointers) f.increase(p, i64.const(LINES * size));
            f.increase(index, i64.const(1));
          });
        });
      }),
  );
}

function newStruct(
  f: FunctionBuilder,
  lines: Structs,
  index: Int,
): StructLocal {
  const own: Local<"i64"> = f.local("i64", index);
  f.makeStruct(lines, own);
  return f.struct(lines, own);
}
