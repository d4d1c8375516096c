/**
 * Settings that a run of a model of some size starts with.
 * @module
 */

/** What `init` writes by the size of the model. */
export interface StartSettings {
  /** As YAML writes them. */
  readonly learningRate: string;
  readonly fullLearningRate: string;
  readonly batch: number;
  readonly accumulation: number;
  /** Storage of the frozen weights: plain, in half the memory, or in 4 bits. */
  readonly storage: "float32" | "bfloat16" | "nf4";
  readonly checkpointing: boolean;
}

/** Larger models get smaller steps and fewer rows at once. Eight rows make a step, as far as memory is no question. */
const BY_SIZE: readonly (StartSettings & { readonly millions: number })[] = [
  {
    millions: 600,
    learningRate: "2.0e-4",
    fullLearningRate: "2.0e-5",
    batch: 4,
    accumulation: 2,
    storage: "float32",
    checkpointing: false,
  },
  {
    millions: 2000,
    learningRate: "2.0e-4",
    fullLearningRate: "2.0e-5",
    batch: 2,
    accumulation: 4,
    storage: "bfloat16",
    checkpointing: false,
  },
  {
    millions: 5000,
    learningRate: "1.0e-4",
    fullLearningRate: "1.0e-5",
    batch: 1,
    accumulation: 8,
    storage: "bfloat16",
    checkpointing: true,
  },
  {
    millions: Infinity,
    learningRate: "1.0e-4",
    fullLearningRate: "1.0e-5",
    batch: 1,
    accumulation: 8,
    storage: "nf4",
    checkpointing: true,
  },
];

/** Settings for a model of so many million weights; null: of a size that is not known, taken for small. */
export function startSettings(millions: number | null): StartSettings {
  const size = millions ?? 0;
  return BY_SIZE.find((row) => size <= row.millions) ?? BY_SIZE[0];
}
