/**
 * Messages of protobuf, written field by field.
 * @module
 */
import type { BinaryWriter } from "@bufbuild/protobuf/wire";

/** Writes fields into a message. */
export type Fields = (writer: BinaryWriter) => void;

/** Wire types of fields: a number, 8 bytes, bytes with their length, 4 bytes. */
export const VARINT = 0;
export const FIXED64 = 1;
export const LENGTH = 2;
export const FIXED32 = 5;

/** A field that is a message. */
export function message(w: BinaryWriter, field: number, fields: Fields): void {
  w.tag(field, LENGTH).fork();
  fields(w);
  w.join();
}
