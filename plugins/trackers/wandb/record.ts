/**
 * Records of Weights & Biases' internal format (`wandb_internal.proto`), as its own client writes them offline.
 * @module
 */
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { Json } from "@denotune/denotune/core";
import { type Fields, LENGTH, message, VARINT } from "../_protobuf.ts";

type Values = readonly (readonly [string, Json])[];

const NUMBER = 1,
  HISTORY = 2,
  SUMMARY = 3,
  FILES = 6,
  RUN = 17,
  EXIT = 18,
  HEADER = 21;
/** Oldest client that can read these records. */
const MIN_CONSUMER = "0.70.0";

/** What a run is to the server. */
export interface WandbRun {
  readonly id: string;
  readonly project: string;
  readonly entity: string | null;
  readonly name: string;
  readonly tags: readonly string[];
  readonly config: Readonly<Record<string, Json>>;
  /** Seconds since 1970. */
  readonly began: number;
}

/** Numbers records, which are the bytes of one each. */
export class Records {
  #number: number;

  constructor(written: number) {
    this.#number = written;
  }

  /** Who wrote the file. */
  header(producer: string): Uint8Array {
    return this.#record(HEADER, (w) =>
      message(w, 1, (version) => {
        version.tag(1, LENGTH).string(producer);
        version.tag(2, LENGTH).string(MIN_CONSUMER);
      }));
  }

  /** The run and its settings. */
  run(run: WandbRun): Uint8Array {
    return this.#record(RUN, (w) => {
      w.tag(1, LENGTH).string(run.id);
      if (run.entity !== null) w.tag(2, LENGTH).string(run.entity);
      w.tag(3, LENGTH).string(run.project);
      message(
        w,
        4,
        (config) => items(config, 1, 1, Object.entries(run.config)),
      );
      w.tag(8, LENGTH).string(run.name);
      for (const tag of run.tags) w.tag(10, LENGTH).string(tag);
      message(
        w,
        17,
        (time) => time.tag(1, VARINT).int64(Math.floor(run.began)),
      );
    });
  }

  /** What was logged at one step. */
  history(step: number, values: Values): Uint8Array {
    return this.#record(HISTORY, (w) => {
      items(w, 1, 2, [["_step", step], ...values]);
      message(w, 2, (at) => at.tag(1, VARINT).int64(step));
    });
  }

  /** The newest values. */
  summary(values: Values): Uint8Array {
    return this.#record(SUMMARY, (w) => items(w, 1, 2, values));
  }

  /** A file in the folder `files` that is to be sent. */
  file(path: string): Uint8Array {
    return this.#record(
      FILES,
      (w) => message(w, 1, (file) => file.tag(1, LENGTH).string(path)),
    );
  }

  /** The run is over. */
  exit(code: number, seconds: number): Uint8Array {
    return this.#record(EXIT, (w) => {
      w.tag(1, VARINT).int32(code);
      w.tag(2, VARINT).int32(Math.round(seconds));
    });
  }

  #record(field: number, fields: Fields): Uint8Array {
    const w = new BinaryWriter();
    w.tag(NUMBER, VARINT).int64(++this.#number);
    message(w, field, fields);
    return w.finish();
  }
}

/** The step of a record of history; "end" of the record that ends a run; null of any other. */
export function stepOf(record: Uint8Array): number | "end" | null {
  const reader = new BinaryReader(record);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === EXIT) return "end";
    if (field !== HISTORY) {
      reader.skip(type);
      continue;
    }
    const end = reader.uint32() + reader.pos;
    while (reader.pos < end) {
      const [inner, innerType] = reader.tag();
      if (inner !== 2) {
        reader.skip(innerType);
        continue;
      }
      const stepEnd = reader.uint32() + reader.pos;
      if (reader.pos === stepEnd) return 0;
      reader.tag();
      return Number(reader.int64());
    }
  }
  return null;
}

/** Keys and values as JSON: keys of settings in field 1, of logged values in 2 (`nested_key`, a path of one step). */
function items(
  w: BinaryWriter,
  field: number,
  keyField: number,
  values: Values,
): void {
  for (const [key, value] of values) {
    message(w, field, (item) => {
      item.tag(keyField, LENGTH).string(key);
      item.tag(16, LENGTH).string(JSON.stringify(value));
    });
  }
}
