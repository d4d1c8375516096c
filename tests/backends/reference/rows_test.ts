/** Numbers that were not computed here: from PyTorch 2.13 in float64 (transformers' own rotary embedding), or by hand. */
import {
  column,
  constant,
  define,
  input,
  reduce,
  type RowProgram,
  value,
  write,
} from "../../../core/graph/expression.ts";
import { assertNear, type Given, runKernel } from "./_run.ts";

const i32 = (...of: number[]): Given => ({ dtype: "i32", of });

const SOFTMAX: RowProgram = {
  inputs: ["matrix"],
  stages: [
    reduce("max", "m", input(0)),
    reduce("sum", "s", input(0).sub(value("m")).exp()),
    write(0, input(0).sub(value("m")).exp().div(value("s"))),
  ],
  outputs: ["matrix"],
};

Deno.test("a row program of softmax gives torch's numbers", () => {
  const x = [-2.0, 1.75, 0.0, 1.0, 0.0, 1.5, 0.5, 1.5, -1.0, 0.75];
  const attributes = { rows: 2, columns: 5, program: SOFTMAX };
  // deno-fmt-ignore
  const expected = [0.0127575867, 0.5424663884, 0.0942665235, 0.2562429779, 0.0942665235, 0.3421925862, 0.1258856174,
    0.3421925862, 0.028088878, 0.1616403323];
  assertNear(
    runKernel("rows", attributes, { inputs: [x], outputs: [{ input: 0 }] })[0],
    expected,
  );
});

Deno.test("a row program of layer norm gives torch's numbers", () => {
  const program: RowProgram = {
    inputs: ["matrix", "row", "row", "scalars"],
    stages: [
      reduce("sum", "s", input(0)),
      define("mean", value("s").div(4)),
      reduce(
        "sum",
        "q",
        input(0).sub(value("mean")).mul(input(0).sub(value("mean"))),
      ),
      define("r", value("q").div(4).add(input(3, 0)).rsqrt()),
      write(
        0,
        input(0).sub(value("mean")).mul(value("r")).mul(input(1)).add(input(2)),
      ),
      write(1, value("mean")),
    ],
    outputs: ["matrix", "column"],
  };
  const inputs = [
    [-2.0, -0.75, 1.75, 1.25, -1.0, -1.25, -1.0, 1.25],
    [1.5, 1.75, -1.25, -0.75],
    [1.0, 2.0, 0.75, -1.25],
    [1e-5],
  ];
  const [out, mean] = runKernel("rows", { rows: 2, columns: 4, program }, {
    inputs,
    outputs: [8, 2],
  });
  // deno-fmt-ignore
  assertNear(out, [-1.0430791949, 1.0610090569, -0.6430085419, -1.8381591622, 0.2614546349, 0.7075456111, 1.3654544709,
    -2.5424543889]);
  assertNear(mean, [0.0625, -0.5], 0);
});

Deno.test("a row program of cross-entropy gives torch's loss and gradient", () => {
  const x = [2.0, 0.5, -0.25, 0.75, 2.0, -0.5, -1.75, 0.25];
  const hit = column().eq(input(1));
  const program: RowProgram = {
    inputs: ["matrix", "column"],
    stages: [
      reduce("sum", "s", input(0).exp()),
      reduce("sum", "t", hit.select(input(0), 0)),
      write(0, value("s").log().sub(value("t"))),
      write(1, input(0).exp().div(value("s")).sub(hit)),
    ],
    outputs: ["column", "matrix"],
  };
  const [loss, gradient] = runKernel("rows", { rows: 2, columns: 4, program }, {
    inputs: [x, i32(2, 0)],
    outputs: [2, 8],
  });
  assertNear(loss, [2.7293561215, 0.2463729968]);
  // deno-fmt-ignore
  assertNear(gradient, [0.6191819414, 0.1381581657, -0.9347387035, 0.1773985963, -0.2183693752, 0.0641601488,
    0.0183821904, 0.135827036]);
});

Deno.test("expressions of erf, tanh and sigmoid give torch's gelu, its approximation and silu", () => {
  const x = [-3.5, -1.0, -0.1, 0.0, 0.3, 1.7, 2.9, 3.1, 5.0];
  const e = input(0);
  const inner = e.add(e.mul(e).mul(e).mul(0.044715)).mul(
    Math.sqrt(2 / Math.PI),
  );
  const program: RowProgram = {
    inputs: ["matrix"],
    stages: [
      write(0, e.mul(0.5).mul(constant(1).add(e.mul(Math.SQRT1_2).erf()))),
      write(1, e.mul(0.5).mul(constant(1).add(inner.tanh()))),
      write(2, e.mul(e.sigmoid())),
      write(3, e.erf()),
    ],
    outputs: ["matrix", "matrix", "matrix", "matrix"],
  };
  // Stored as doubles: -0.1 and so on are torch's float64.
  const [gelu, approximate, silu, erf] = runKernel("rows", {
    rows: 1,
    columns: 9,
    program,
  }, {
    inputs: [x],
    outputs: [9, 9, 9, 9],
  });
  // deno-fmt-ignore
  assertNear(gelu, [-0.0008142018, -0.1586552539, -0.0460172163, 0.0, 0.1853734267, 1.6242387133, 2.8945891414,
    3.09700043, 4.9999985667]);
  // deno-fmt-ignore
  assertNear(approximate, [-0.0006161977, -0.1588080094, -0.046017249, 0.0, 0.1853709235, 1.6241058956, 2.8950333338,
    3.0973733898, 4.9999997708]);
  // deno-fmt-ignore
  assertNear(silu, [-0.1025928076, -0.2689414214, -0.0475020813, 0.0, 0.172332755, 1.4374090494, 2.7487546671,
    2.9663675097, 4.9665357454]);
  // deno-fmt-ignore
  assertNear(erf, [-0.9999992569016276, -0.8427007929497149, -0.1124629160182849, 0.0, 0.3286267594591274,
    0.9837904585907745, 0.9999589021219005, 0.9999883513426328, 0.9999999999984626], 1e-15);
});

Deno.test("a row program reads what its inputs held before the call, in every stage", () => {
  const program: RowProgram = {
    inputs: ["matrix"],
    stages: [
      write(0, input(0).mul(10)),
      reduce("sum", "s", input(0)),
      write(1, value("s")),
    ],
    outputs: ["matrix", "column"],
  };
  const [x, sum] = runKernel("rows", { rows: 1, columns: 3, program }, {
    inputs: [[1, 2, 3]],
    outputs: [{ input: 0 }, 1],
  });
  assertNear(x, [10, 20, 30], 0);
  assertNear(sum, [6], 0);
});
