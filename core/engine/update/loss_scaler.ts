/**
 * Dynamic loss scaling of `precision: float16`: gradients are multiplied by a scale before they are rounded to f16,
 * whose smallest numbers many of them are below, and divided by it before they are clipped and used.
 *
 * ```text
 * scale   65536 ── not finite: the update is left out, and the scale halved ──► 32768
 *            ▲                                                                   │
 *            └────────────────── 2,000 finite updates in a row: doubled ─────────┘
 * ```
 *
 * The rule and its numbers are those of PyTorch's `torch.amp.GradScaler`. All scales are powers of two, so that
 * multiplying and dividing by them rounds nothing.
 * @module
 */

/** The scale of the next step, and how long it has been good; a checkpoint stores it. */
export interface LossScale {
  readonly scale: number;
  /** Finite updates since the scale was changed. */
  readonly goodSteps: number;
}

const FIRST = 2 ** 16;
const GROWTH = 2;
const BACKOFF = 0.5;
const GROWTH_STEPS = 2000;

/** The scale of a run that begins. */
export function freshLossScale(): LossScale {
  return { scale: FIRST, goodSteps: 0 };
}

/** The scale after a step, whose gradients were finite or not. */
export function nextLossScale(
  { scale, goodSteps }: LossScale,
  finite: boolean,
  /** Finite updates in a row after which the scale grows. */
  growthSteps: number = GROWTH_STEPS,
): LossScale {
  if (!finite) return { scale: Math.fround(scale * BACKOFF), goodSteps: 0 };
  if (goodSteps + 1 < growthSteps) return { scale, goodSteps: goodSteps + 1 };
  const grown = Math.fround(scale * GROWTH);
  return { scale: Number.isFinite(grown) ? grown : scale, goodSteps: 0 };
}
