/**
 * What other frameworks call our settings: TRL, Axolotl, LLaMA-Factory, torchtune, and shells of one's own.
 * @module
 */

/** Key as others name it -> what to write here. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  lr: "optimizer.learning_rate",
  learning_rate: "optimizer.learning_rate",
  weight_decay: "optimizer.weight_decay",
  epochs: "training.epochs",
  num_epochs: "training.epochs",
  num_train_epochs: "training.epochs",
  max_steps: "training.max_steps",
  batch_size: "training.batch_size",
  micro_batch_size: "training.batch_size",
  per_device_train_batch_size: "training.batch_size",
  gradient_accumulation: "training.gradient_accumulation_steps",
  gradient_accumulation_steps: "training.gradient_accumulation_steps",
  gradient_checkpointing: "training.gradient_checkpointing",
  bf16: "training.precision=bfloat16",
  mixed_precision: "training.precision",
  grad_clip: "training.max_grad_norm",
  max_grad_norm: "training.max_grad_norm",
  warmup_ratio: "schedule.warmup_ratio",
  warmup_steps: "schedule.warmup_steps",
  lr_scheduler: "schedule",
  lr_scheduler_type: "schedule",
  max_length: "data.max_length",
  max_seq_length: "data.max_length",
  sequence_len: "data.max_length",
  cutoff_len: "data.max_length",
  packing: "data.collator=packed",
  sample_packing: "data.collator=packed",
  base_model: "model.path",
  model_name: "model.path",
  model_name_or_path: "model.path",
  dataset: "data.train",
  datasets: "data.train",
  train_file: "data.train",
  lora_r: "adapter.r",
  lora_rank: "adapter.r",
  lora_alpha: "adapter.lora_alpha",
  lora_dropout: "adapter.lora_dropout",
  dropout: "model.dropout",
  resid_pdrop: "model.dropout",
  attn_pdrop: "model.dropout",
  embd_pdrop: "model.dropout",
  attention_dropout: "model.dropout",
  load_in_4bit: "model.quantization=nf4",
  load_in_8bit: "model.quantization=int8",
  output: "output_dir",
  resume_from_checkpoint: "training.resume",
  logging_steps: "training.logging_steps",
  save_steps: "training.save_steps",
  eval_steps: "training.eval_steps",
};

/** What to write for a name of another framework, in words of a flag or of a key; null where it is none. */
export function ourName(name: string): string | null {
  const key = name.replace(/^-+/, "").replaceAll("-", "_").toLowerCase();
  return Object.hasOwn(OTHER_NAMES, key) ? OTHER_NAMES[key] : null;
}
