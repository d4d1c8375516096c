/**
 * Messages of TensorBoard's event files (`event.proto`, `summary.proto`, `tensor.proto`, the plugins' `plugin_data`),
 * written field by field.
 * @module
 */
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import {
  type Fields,
  FIXED32,
  FIXED64,
  LENGTH,
  message,
  VARINT,
} from "../_protobuf.ts";
import type { Scalar } from "../_settings.ts";

/** An `Event` at a step, with one more field. */
export function eventBytes(
  place: { readonly seconds: number; readonly step: number },
  rest: Fields,
): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, FIXED64).double(place.seconds);
  writer.tag(2, VARINT).int64(place.step);
  rest(writer);
  return writer.finish();
}

/** The first record of a file. */
export const fileVersion: Fields = (w) =>
  w.tag(3, LENGTH).string("brain.Event:2");

/** The run begins (again) here: readers drop what was logged at this step and behind it. */
export const sessionStart: Fields = (w) =>
  message(w, 7, (session) => session.tag(1, VARINT).int32(1));

/** A number on a curve. */
export function scalar(name: string, value: number): Fields {
  return summary(name, (w) => w.tag(2, FIXED32).float(value));
}

/** Markdown. */
export function text(name: string, markdown: string): Fields {
  return summary(name, (w) => {
    message(w, 8, (tensor) => {
      tensor.tag(1, VARINT).int32(7); // DT_STRING
      message(
        tensor,
        2,
        (shape) => message(shape, 2, (size) => size.tag(1, VARINT).int64(1)),
      );
      tensor.tag(8, LENGTH).string(markdown);
    });
    metadata(w, "text", () => {});
  });
}

/** How values are spread. Takes at least one. */
export function histogram(name: string, values: readonly number[]): Fields {
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const count = high > low ? Math.min(30, values.length) : 1;
  const counts = new Array<number>(count).fill(0);
  const width = (high - low) / count;
  for (const value of values) {
    counts[
      width > 0 ? Math.min(count - 1, Math.floor((value - low) / width)) : 0
    ]++;
  }
  const sum = values.reduce((a, b) => a + b, 0);
  const squares = values.reduce((a, b) => a + b * b, 0);
  return summary(name, (w) =>
    message(w, 5, (histo) => {
      [low, high, values.length, sum, squares].forEach((x, i) =>
        histo.tag(i + 1, FIXED64).double(x)
      );
      // a bucket ends at its limit; the last one at the largest value
      const limits = counts.map((_, i) =>
        i === count - 1 ? high : low + width * (i + 1)
      );
      message(histo, 6, (list) => limits.forEach((x) => list.double(x)));
      message(histo, 7, (list) => counts.forEach((x) => list.double(x)));
    }));
}

/** The settings of the run, for the table of hyperparameters. */
export function hyperparameters(
  settings: Readonly<Record<string, Scalar>>,
  place: { readonly name: string; readonly seconds: number },
): Fields {
  return pluginRecord(
    "_hparams_/session_start_info",
    (data) =>
      message(data, 3, (info) => {
        for (const [key, value] of Object.entries(settings)) {
          message(info, 1, (entry) => {
            entry.tag(1, LENGTH).string(key);
            message(entry, 2, (any) => {
              if (typeof value === "number") any.tag(2, FIXED64).double(value);
              else if (typeof value === "boolean") {
                any.tag(4, VARINT).bool(value);
              } else any.tag(3, LENGTH).string(value);
            });
          });
        }
        info.tag(4, LENGTH).string(place.name);
        info.tag(5, FIXED64).double(place.seconds);
      }),
  );
}

/** The settings that can be compared, and the figures that they are compared by. */
export function experiment(
  settings: Readonly<Record<string, Scalar>>,
  place: { readonly metrics: readonly string[]; readonly seconds: number },
): Fields {
  return pluginRecord(
    "_hparams_/experiment",
    (data) =>
      message(data, 2, (w) => {
        w.tag(4, FIXED64).double(place.seconds);
        for (const [key, value] of Object.entries(settings)) {
          const type = typeof value === "number"
            ? 3
            : typeof value === "boolean"
            ? 2
            : 1;
          message(w, 5, (info) => {
            info.tag(1, LENGTH).string(key);
            info.tag(4, VARINT).int32(type);
          });
        }
        for (const name of place.metrics) {
          message(w, 6, (info) =>
            message(info, 1, (metric) =>
              metric.tag(2, LENGTH).string(name)));
        }
      }),
  );
}

/** How the run ended. */
export function sessionEnd(
  status: "done" | "interrupted" | "failed",
  seconds: number,
): Fields {
  return pluginRecord(
    "_hparams_/session_end_info",
    (data) =>
      message(data, 4, (info) => {
        info.tag(1, VARINT).int32(status === "done" ? 1 : 2); // success, failure
        info.tag(2, FIXED64).double(seconds);
      }),
  );
}

function pluginRecord(name: string, content: Fields): Fields {
  return summary(name, (w) => {
    // readers want a value: an empty tensor of floats
    message(w, 8, (tensor) => {
      tensor.tag(1, VARINT).int32(1);
      message(tensor, 2, () => {});
    });
    metadata(w, "hparams", content);
  });
}

function summary(name: string, value: Fields): Fields {
  return (w) =>
    message(w, 5, (all) =>
      message(all, 1, (one) => {
        one.tag(1, LENGTH).string(name);
        value(one);
      }));
}

function metadata(w: BinaryWriter, plugin: string, content: Fields): void {
  message(w, 9, (about) =>
    message(about, 1, (data) => {
      data.tag(1, LENGTH).string(plugin);
      message(data, 2, content);
    }));
}
