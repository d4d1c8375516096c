/**
 * A module of the assembler in WebAssembly's text format, for people: one statement a line, what it computes
 * folded into it.
 *
 * ```text
 * (loop
 *   (local.set 7 (f32x4.relaxed_madd (v128.load offset=16 (local.get 1)) (local.get 5) (local.get 7)))
 *   (br_if 0 (i64.lt_s (local.get 3) (i64.const 64)))
 * )
 * ```
 * It reads what `module.ts` writes, no other modules.
 * @module
 */
import type { Instruction } from "./opcodes.ts";
import { instruction, Reader } from "./reader.ts";

const TYPES: Readonly<Record<number, string>> = {
  0x7f: "i32",
  0x7e: "i64",
  0x7d: "f32",
  0x7c: "f64",
  0x7b: "v128",
};
const FUNCTION = 0x00, MEMORY = 0x02;
const FUNCTION_TYPE = 0x60, STRUCT_TYPE = 0x5f;
const REFERENCE = 0x64, REFERENCE_OR_NULL = 0x63;

interface Signature {
  readonly parameters: readonly string[];
  readonly results: readonly string[];
}

/** The text of a module. Throws `RangeError` for an instruction that the assembler does not emit. */
export function printModule(binary: Uint8Array): string {
  const sections = new Map<number, Reader>();
  const reader = new Reader(binary, 8);
  while (!reader.done) sections.set(reader.byte(), reader.part());
  const section = <T>(id: number, read: (r: Reader) => T): T[] => {
    const found = sections.get(id);
    if (found === undefined) return [];
    return Array.from({ length: found.unsigned() }, () => read(found));
  };
  const lines: string[] = [];
  let count = 0;
  const types = section(1, (r): Signature => {
    const list = () => Array.from({ length: r.unsigned() }, () => readType(r));
    const form = r.byte();
    const number = `(;${count++};)`;
    if (form === FUNCTION_TYPE) return { parameters: list(), results: list() };
    const fields = Array.from(
      { length: form === STRUCT_TYPE ? r.unsigned() : 1 },
      () => {
        const type = readType(r);
        return r.byte() === 0 ? type : `(mut ${type})`;
      },
    ).join(" ");
    lines.push(
      form === STRUCT_TYPE
        ? `(type ${number} (struct (field ${fields})))`
        : `(type ${number} (array ${fields}))`,
    );
    return { parameters: [], results: [] };
  });
  const signatures: Signature[] = [];
  section(2, (r) => {
    const name = `"${r.text()}" "${r.text()}"`;
    const kind = r.byte();
    if (kind === MEMORY) {
      r.byte();
      lines.push(
        `(import ${name} (memory i64 ${r.unsigned()} ${r.unsigned()} shared))`,
      );
    } else if (kind === FUNCTION) {
      const type = types[r.unsigned()];
      lines.push(
        `(import ${name} (func (;${signatures.length};)${show(type)}))`,
      );
      signatures.push(type);
    }
  });
  const imported = signatures.length;
  signatures.push(...section(3, (r) => types[r.unsigned()]));
  section(6, (r) => {
    const type = readType(r);
    r.byte(); // never set
    lines.push(`(global ${type} ${readConstant(r)})`);
  });
  section(7, (r) => {
    const name = r.text();
    r.byte();
    lines.push(`(export "${name}" (func ${r.unsigned()}))`);
  });
  section(10, (r) => r.part()).forEach((body, i) => {
    const index = imported + i;
    lines.push(`(func (;${index};)${show(signatures[index])}`);
    lines.push(
      ...printBody(body, signatures, index).map((line) => `  ${line}`),
      ")",
    );
  });
  return `(module\n${lines.map((line) => `  ${line}\n`).join("")})\n`;
}

function show({ parameters, results }: Signature): string {
  return (parameters.length > 0 ? ` (param ${parameters.join(" ")})` : "") +
    (results.length > 0 ? ` (result ${results.join(" ")})` : "");
}

function printBody(
  body: Reader,
  signatures: readonly Signature[],
  index: number,
): string[] {
  const locals = Array.from({ length: body.unsigned() }, () => {
    const count = body.unsigned();
    return Array<string>(count).fill(readType(body));
  }).flat();
  const lines = locals.length > 0 ? [`(local ${locals.join(" ")})`] : [];
  const stack: string[] = [];
  const open: string[] = []; // closing lines of the blocks that are open
  const indent = () => "  ".repeat(open.length);
  const say = (text: string) => lines.push(indent() + text);
  const take = (count: number) => stack.splice(stack.length - count);
  const fold = (head: string, taken: readonly string[]) =>
    taken.length === 0 ? `(${head})` : `(${head} ${taken.join(" ")})`;
  const begin = (head: string, closing = ")") => {
    say(head);
    open.push(closing);
  };
  for (;;) {
    const code = body.byte();
    if (code === 0x0b) {
      const closing = open.pop();
      if (closing === undefined) break; // of the function
      say(closing);
    } else if (code === 0x02 || code === 0x03) {
      body.byte(); // without a result
      begin(code === 0x02 ? "(block" : "(loop");
    } else if (code === 0x04) {
      body.byte();
      begin(`(if ${take(1)[0]} (then`, "))");
    } else if (code === 0x05) {
      lines.push(`${"  ".repeat(open.length - 1)}) (else`);
    } else if (code === 0x0c) say(`(br ${body.unsigned()})`);
    else if (code === 0x0d) say(fold(`br_if ${body.unsigned()}`, take(1)));
    else if (code === 0x10) {
      const callee = body.unsigned();
      const { parameters, results } = signatures[callee];
      const text = fold(`call ${callee}`, take(parameters.length));
      if (results.length > 0) stack.push(text);
      else say(text);
    } else if (code === 0x20) stack.push(`(local.get ${body.unsigned()})`);
    else if (code === 0x21) say(fold(`local.set ${body.unsigned()}`, take(1)));
    else {
      const found = instruction(body, code);
      const text = fold(
        `${found.name}${immediate(body, found)}`,
        take(found.takes),
      );
      if (found.gives) stack.push(text);
      else say(text);
    }
  }
  lines.push(...stack); // the function's result
  if (!body.done) {
    throw new RangeError(`Function ${index} continues after its end`);
  }
  return lines;
}

/** The type of a value, or a reference to a struct or array. */
function readType(reader: Reader): string {
  const code = reader.byte();
  if (code === REFERENCE) return `(ref ${reader.unsigned()})`;
  if (code === REFERENCE_OR_NULL) return `(ref null ${reader.unsigned()})`;
  return TYPES[code];
}

/** What a global begins with. */
function readConstant(reader: Reader): string {
  const stack: string[] = [];
  for (let code = reader.byte(); code !== 0x0b; code = reader.byte()) {
    const found = instruction(reader, code);
    const text = `${found.name}${immediate(reader, found)}`;
    const taken = stack.splice(stack.length - found.takes);
    stack.push(`(${[text, ...taken].join(" ")})`);
  }
  return stack.join(" ");
}

function immediate(body: Reader, { immediate, name }: Instruction): string {
  switch (immediate) {
    case "none":
      return "";
    case "memory":
    case "memory and lane": {
      const alignment = 2 ** body.unsigned();
      const offset = body.unsigned();
      const isAtomic = name.includes("atomic");
      return (offset === 0 ? "" : ` offset=${offset}`) +
        (isAtomic ? "" : ` align=${alignment}`) +
        (immediate === "memory" ? "" : ` ${body.byte()}`);
    }
    case "lane":
      return ` ${body.byte()}`;
    case "index":
      return ` ${body.unsigned()}`;
    case "type and field":
      return ` ${body.unsigned()} ${body.unsigned()}`;
    case "shuffle":
      return ` ${Array.from({ length: 16 }, () => body.byte()).join(" ")}`;
    case "i32":
    case "i64":
      return ` ${body.signed()}`;
    case "f32":
      return ` ${float(body.view(4).getFloat32(0, true))}`;
    case "f64":
      return ` ${float(body.view(8).getFloat64(0, true))}`;
    case "v128": {
      const view = body.view(16);
      const lanes = [0, 4, 8, 12].map((i) => view.getUint32(i, true));
      return ` i32x4 ${lanes.map((x) => `0x${x.toString(16)}`).join(" ")}`;
    }
  }
}

function float(value: number): string {
  return String(value).replace("Infinity", "inf").replace("NaN", "nan");
}
