/**
 * The protobuf messages of ONNX (onnx.proto3) that an exporter writes, and their fields. Weights are no part of what
 * is encoded here: their bytes follow from the tensors and are streamed between encoded pieces.
 * @module
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** Element types, by the numbers of `TensorProto.DataType`. */
export const ELEMENT = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
} as const;

/** Name of an element type. */
export type ElementType = keyof typeof ELEMENT;

/** Bytes of an element. */
export const ELEMENT_BYTES: Readonly<Record<ElementType, number>> = {
  float32: 4,
  uint8: 1,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
};

/** An attribute of a node; whole numbers and floats are told apart by their key. */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly graph: OnnxGraph };

/** Attributes by name. */
export type OnnxAttributes = Readonly<Record<string, OnnxAttribute>>;

/** One application of an operator. */
export interface OnnxNode {
  readonly name: string;
  readonly operator: string;
  /** Empty: ONNX's own. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: OnnxAttributes;
}

/** An input or output of a graph: names stand for sizes that the data fixes. */
export interface OnnxValue {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly (number | string)[];
}

/** Where the bytes of a tensor are stored beside the model. */
export interface ExternalPlace {
  readonly file: string;
  readonly offset: number;
}

/** A constant: its bytes are in memory, or are made when they are written. */
export interface OnnxTensor {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: Uint8Array | TensorSource;
}

/** Makes the bytes of a tensor, piece by piece. */
export interface TensorSource {
  readonly bytes: number;
  /** Pieces in order; each is good until the next. */
  pieces(): AsyncIterable<Uint8Array>;
}

/** A graph: nodes in the order in which they run. */
export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly initializers: readonly OnnxTensor[];
}

/** A model: its graph, the versions of its operators by domain, and what it says of itself. */
export interface OnnxModel {
  readonly graph: OnnxGraph;
  readonly opsets: Readonly<Record<string, number>>;
  readonly producer: { readonly name: string; readonly version: string };
  readonly metadata: Readonly<Record<string, string>>;
}

/** Fields of the messages, by their numbers in onnx.proto3. */
export const FIELDS = {
  model: {
    irVersion: 1,
    producerName: 2,
    producerVersion: 3,
    graph: 7,
    opset: 8,
    metadata: 14,
  },
  graph: { node: 1, name: 2, initializer: 5, input: 11, output: 12 },
  tensor: {
    dims: 1,
    type: 2,
    name: 8,
    raw: 9,
    external: 13,
    location: 14,
  },
  entry: { key: 1, value: 2 },
} as const;

/** Version of the format: the one of ONNX 1.16 (opset 21). */
const IR_VERSION = 10;
/** `TensorProto.DataLocation.EXTERNAL` */
const EXTERNAL = 1;
/** `AttributeProto.AttributeType` */
const KIND = { float: 1, int: 2, graph: 5, ints: 7 } as const;

/** A piece of an encoded model: bytes, or a tensor's bytes to be streamed. */
export type Piece = Uint8Array | TensorSource;

/** Bytes of a piece. */
export function bytesOfPiece(piece: Piece): number {
  return piece instanceof Uint8Array ? piece.length : piece.bytes;
}

/** The file of a model, in pieces; tensors that have a place beside it are named, not included. */
export function encodeModel(
  model: OnnxModel,
  placeOf: (tensor: OnnxTensor) => ExternalPlace | null,
): Piece[] {
  const { graph, opsets, producer, metadata } = model;
  const head = new BinaryWriter();
  head.tag(FIELDS.model.irVersion, WireType.Varint).int64(IR_VERSION);
  text(head, FIELDS.model.producerName, producer.name);
  text(head, FIELDS.model.producerVersion, producer.version);
  for (const [domain, version] of Object.entries(opsets)) {
    head.tag(FIELDS.model.opset, WireType.LengthDelimited).fork();
    text(head, 1, domain);
    head.tag(2, WireType.Varint).int64(version).join();
  }
  for (const [key, value] of Object.entries(metadata)) {
    head.raw(encodeMetadata(key, value));
  }
  const body: Piece[] = [graphHead(graph)];
  for (const tensor of graph.initializers) {
    body.push(...encodeTensor(tensor, placeOf(tensor)));
  }
  head.tag(FIELDS.model.graph, WireType.LengthDelimited)
    .uint32(body.reduce((sum, piece) => sum + bytesOfPiece(piece), 0));
  return [head.finish(), ...body];
}

/** A line of metadata as bytes that may be written behind a model's file: the last of a key counts. */
export function encodeMetadata(key: string, value: string): Uint8Array {
  const w = new BinaryWriter();
  w.tag(FIELDS.model.metadata, WireType.LengthDelimited).fork();
  entry(w, key, value);
  return w.join().finish();
}

/** All of a graph but its constants. */
function graphHead(graph: OnnxGraph): Uint8Array {
  const w = new BinaryWriter();
  for (const node of graph.nodes) {
    w.tag(FIELDS.graph.node, WireType.LengthDelimited).fork();
    writeNode(w, node);
    w.join();
  }
  text(w, FIELDS.graph.name, graph.name);
  for (
    const [field, values] of [
      [FIELDS.graph.input, graph.inputs],
      [FIELDS.graph.output, graph.outputs],
    ] as const
  ) {
    for (const value of values) {
      w.tag(field, WireType.LengthDelimited).fork();
      writeValue(w, value);
      w.join();
    }
  }
  return w.finish();
}

function writeNode(w: BinaryWriter, node: OnnxNode): void {
  for (const name of node.inputs) text(w, 1, name);
  for (const name of node.outputs) text(w, 2, name);
  text(w, 3, node.name);
  text(w, 4, node.operator);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    w.tag(5, WireType.LengthDelimited).fork();
    text(w, 1, name);
    writeAttribute(w, attribute);
    w.join();
  }
  if (node.domain !== "") text(w, 7, node.domain);
}

function writeAttribute(w: BinaryWriter, attribute: OnnxAttribute): void {
  const kind = (value: number) => w.tag(20, WireType.Varint).int32(value);
  if ("float" in attribute) {
    w.tag(2, WireType.Bit32).float(attribute.float);
    kind(KIND.float);
  } else if ("int" in attribute) {
    w.tag(3, WireType.Varint).int64(attribute.int);
    kind(KIND.int);
  } else if ("graph" in attribute) {
    w.tag(6, WireType.LengthDelimited).bytes(graphBytes(attribute.graph));
    kind(KIND.graph);
  } else {
    for (const value of attribute.ints) w.tag(8, WireType.Varint).int64(value);
    kind(KIND.ints);
  }
}

/** The graph of an attribute: it has no constants of its own. */
function graphBytes(graph: OnnxGraph): Uint8Array {
  return graphHead(graph);
}

function writeValue(w: BinaryWriter, { name, type, dims }: OnnxValue): void {
  text(w, 1, name);
  w.tag(2, WireType.LengthDelimited).fork(); // TypeProto
  w.tag(1, WireType.LengthDelimited).fork(); // its tensor
  w.tag(1, WireType.Varint).int32(ELEMENT[type]);
  w.tag(2, WireType.LengthDelimited).fork(); // its shape
  for (const dim of dims) {
    w.tag(1, WireType.LengthDelimited).fork();
    if (typeof dim === "number") w.tag(1, WireType.Varint).int64(dim);
    else text(w, 2, dim);
    w.join();
  }
  w.join().join().join();
}

/** A constant as a field of its graph. */
function encodeTensor(
  { name, type, dims, data }: OnnxTensor,
  place: ExternalPlace | null,
): Piece[] {
  const bytes = bytesOfPiece(data);
  const w = new BinaryWriter();
  for (const dim of dims) w.tag(FIELDS.tensor.dims, WireType.Varint).int64(dim);
  w.tag(FIELDS.tensor.type, WireType.Varint).int32(ELEMENT[type]);
  text(w, FIELDS.tensor.name, name);
  if (place === null) {
    w.tag(FIELDS.tensor.raw, WireType.LengthDelimited).uint32(bytes);
  } else {
    const { file, offset } = place;
    const entries = { location: file, offset: `${offset}`, length: `${bytes}` };
    for (const [key, value] of Object.entries(entries)) {
      w.tag(FIELDS.tensor.external, WireType.LengthDelimited).fork();
      entry(w, key, value);
      w.join();
    }
    w.tag(FIELDS.tensor.location, WireType.Varint).int32(EXTERNAL);
  }
  const own = w.finish();
  const after = place === null ? [data] : [];
  const head = new BinaryWriter();
  head.tag(FIELDS.graph.initializer, WireType.LengthDelimited)
    .uint32(own.length + (place === null ? bytes : 0));
  return [head.finish(), own, ...after];
}

function text(w: BinaryWriter, field: number, value: string): void {
  w.tag(field, WireType.LengthDelimited).string(value);
}

function entry(w: BinaryWriter, key: string, value: string): void {
  text(w, FIELDS.entry.key, key);
  text(w, FIELDS.entry.value, value);
}
