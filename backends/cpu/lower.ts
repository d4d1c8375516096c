/**
 * From a kernel call to its launches: the one list of the kernels that this backend supports.
 * @module
 */
import {
  DeviceError,
  type Extents,
  type KernelCall,
} from "@denotune/denotune/device";
import type { ImportedFunction } from "./assembler/mod.ts";
import { type LibrariesFound, machineCodeIn } from "./blas/opened.ts";
import { lowerArgmax } from "./kernels/argmax.ts";
import {
  lowerAttention,
  lowerCachedAttention,
} from "./kernels/attention/forward.ts";
import { lowerAttentionBackward } from "./kernels/attention/backward.ts";
import type { Found } from "./kernels/attention/geometry.ts";
import { lowerBfloat16Matmul } from "./kernels/matmul/bfloat16.ts";
import { lowerBlasMatmul } from "./kernels/matmul/blas.ts";
import {
  lowerCachedConvolution,
  lowerConvolution,
} from "./kernels/convolution.ts";
import { lowerCopy, lowerFill, lowerRope } from "./kernels/elements.ts";
import { lowerGatherRows } from "./kernels/gather.ts";
import { MOST_ROWS } from "./kernels/matmul/few_rows.ts";
import { lowerPackedMatmul } from "./kernels/matmul/packed.ts";
import { lowerPanelMatmul } from "./kernels/matmul/panels.ts";
import {
  lowerCachedRecurrence,
  lowerRecurrence,
} from "./kernels/recurrence.ts";
import {
  lowerColumnSum,
  lowerGroupSum,
  lowerSum,
} from "./kernels/reductions.ts";
import {
  lowerColumns,
  lowerScatterAdd,
  lowerScatterRows,
  lowerWriteCache,
  lowerWriteRow,
} from "./kernels/row_moves.ts";
import { lowerRows } from "./kernels/rows.ts";
import { lowerSample } from "./kernels/sample/sample.ts";
import {
  GEMM_BF16,
  type Launch,
  LOOP,
  SGEMM,
  SGEMM_SMALL,
  WEIGHTS,
} from "./kernels/launch.ts";
import { lowerTakeTokens } from "./kernels/take_tokens.ts";

/** The inputs of lowering besides the call. */
export interface LowerOptions {
  /** Whether large matrix products go to a BLAS. */
  readonly blas: boolean;
  /** Rows from which on a BLAS is faster with a matrix of float32; absent: more than the kernel of few rows takes. */
  readonly fewestBlasRows?: number;
  /** Whether machine code does small products, the weights of attention and loops over elements; absent: no. */
  readonly machineCode?: boolean;
  /** Whether products of bf16 factors have a library; absent: no. */
  readonly bfloat16?: boolean;
  /** How many workers share a launch; results do not depend on it. Absent: one. */
  readonly workers?: number;
}

/** How calls are lowered where these libraries were found. */
export function loweringFor(
  found: LibrariesFound,
  workers: number,
): LowerOptions {
  const { blas, bfloat16 } = found;
  return {
    blas: blas !== null,
    ...(blas?.library === "oneDNN" ? { fewestBlasRows: 2 } : {}),
    bfloat16: bfloat16 !== null,
    machineCode: machineCodeIn(found) !== null,
    workers,
  };
}

/** The functions that assembled kernels may import. */
export function importedBy(
  { blas, bfloat16, machineCode }: LowerOptions,
): readonly ImportedFunction[] {
  return [
    ...(blas ? [SGEMM] : []),
    ...(bfloat16 === true ? [GEMM_BF16] : []),
    ...(machineCode === true
      ? [SGEMM_SMALL, ...Object.values(WEIGHTS), LOOP]
      : []),
  ];
}

function foundIn({ blas, bfloat16, machineCode }: LowerOptions): Found {
  return {
    blas,
    bfloat16: bfloat16 === true,
    machineCode: machineCode === true,
  };
}

/** The launches of a call; `capacities` are the largest extents inside its segment. */
export function lower(
  call: KernelCall,
  capacities: Extents,
  options: LowerOptions,
): readonly Launch[] {
  const { inputs, outputs } = call;
  const [out] = outputs;
  switch (call.kernel) {
    case "matmul":
      if (call.attributes.factors === "f16") {
        throw new DeviceError("cpu has no products of f16 factors");
      }
      if (call.attributes.factors === "bf16") {
        return lowerBfloat16Matmul(call.attributes, inputs, out, {
          available: options.bfloat16 === true,
        });
      }
      if (inputs[1].panelRows !== undefined) {
        return lowerPanelMatmul(call.attributes, inputs, out, capacities);
      }
      return (options.blas
        ? lowerBlasMatmul(call.attributes, inputs, out, {
          capacities,
          fewestRows: options.fewestBlasRows ?? MOST_ROWS + 1,
          machineCode: options.machineCode === true,
        })
        : null) ??
        lowerPackedMatmul(call.attributes, inputs, out, {
          capacities,
          workers: options.workers ?? 1,
        });
    case "rows":
      return lowerRows(call.attributes, inputs, outputs, capacities);
    case "column_sum":
      return lowerColumnSum(call.attributes, inputs, out, capacities);
    case "sum":
      return lowerSum(call.attributes, inputs, out, capacities);
    case "group_sum":
      return lowerGroupSum(call.attributes, {
        values: inputs[0],
        groups: inputs[1],
        addend: inputs[2],
        out,
      });
    case "gather_rows":
      return lowerGatherRows(call.attributes, [inputs[0], inputs[1], out]);
    case "scatter_rows":
      return lowerScatterRows(call.attributes, [inputs[0], inputs[1], out]);
    case "scatter_add":
      return lowerScatterAdd(call.attributes, [
        inputs[0],
        inputs[1],
        inputs[2],
        inputs[3],
        out,
      ]);
    case "rope":
      return lowerRope(call.attributes, [inputs[0], inputs[1], inputs[2], out]);
    case "attention":
      return lowerAttention(call.attributes, inputs, outputs, {
        capacities,
        ...foundIn(options),
      });
    case "attention_backward":
      return lowerAttentionBackward(call.attributes, inputs, outputs, {
        capacities,
        ...foundIn(options),
      });
    case "attention_cached":
      return lowerCachedAttention(call.attributes, inputs, out, capacities);
    case "convolution":
      return lowerConvolution(call.attributes, [...inputs, out]);
    case "convolution_cached":
      return lowerCachedConvolution(call.attributes, [
        inputs[0],
        inputs[1],
        ...inputs.slice(3),
        ...outputs,
      ]);
    case "recurrence":
      return lowerRecurrence(call.attributes, [...inputs, out]);
    case "recurrence_cached":
      return lowerCachedRecurrence(call.attributes, [
        ...inputs.slice(0, 4),
        ...inputs.slice(5),
        ...outputs,
      ]);
    case "write_cache":
      return lowerWriteCache(call.attributes, [
        inputs[1],
        inputs[2],
        inputs[3],
        out,
      ]);
    case "sample":
      return lowerSample(call.attributes, [...inputs, out]);
    case "take_tokens":
      return lowerTakeTokens(call.attributes, [
        inputs[0],
        inputs[1],
        ...outputs,
      ]);
    case "slice_columns": {
      const { rows, from, offset, width } = call.attributes;
      const source = { stride: from, offset };
      return lowerColumns(rows, [{
        from: inputs[0],
        to: out,
        source,
        target: { stride: width, offset: 0 },
        width,
      }]);
    }
    case "concat_columns": {
      const { rows, widths } = call.attributes;
      const stride = widths.reduce((a, b) => a + b, 0);
      let offset = 0;
      return lowerColumns(
        rows,
        widths.map((width, i) => {
          const target = { stride, offset };
          offset += width;
          return {
            from: inputs[i],
            to: out,
            source: { stride: width, offset: 0 },
            target,
            width,
          };
        }),
      );
    }
    case "write_row":
      return lowerWriteRow(call.attributes, [inputs[1], inputs[2], out]);
    case "copy":
      return lowerCopy(call.attributes, [inputs[0], out]);
    case "fill":
      return lowerFill(call.attributes, out);
    case "argmax":
      return lowerArgmax(call.attributes, [inputs[0], out]);
  }
}
