/**
 * The files that a kernel takes, against the tree: one definition, an implementation in each backend, one file of
 * cases; besides, a line in each list. core/README.md says the same.
 */
import assert from "node:assert/strict";
import { kernelDefinitions } from "../../../../core/graph/kernels/mod.ts";
import { walk } from "../../../files.ts";

const root = new URL("../../../../", import.meta.url);

/** The text of every source file of a folder, by its path from the root. */
function filesOf(folder: string): Map<string, string> {
  return new Map(
    walk(new URL(folder, root)).map((url) => [
      url.slice(root.href.length),
      Deno.readTextFileSync(new URL(url)),
    ]),
  );
}

const sources = new Map(
  ["core/", "backends/", "plugins/", "formats/"].flatMap((folder) => [
    ...filesOf(folder),
  ]),
);
const cases = filesOf("tests/conformance/backend/");

function having(
  files: ReadonlyMap<string, string>,
  under: string,
  text: RegExp,
): string[] {
  return [...files].filter(([path, content]) =>
    path.startsWith(under) && text.test(content)
  ).map(([path]) => path).sort();
}

/** The lists that name every kernel: a line in each. The compiler misses one, too. */
const LISTS = [
  "core/graph/example_call.ts",
  "backends/cpu/lower.ts",
  "backends/reference/kernels/mod.ts",
  "backends/webgpu/kernels/mod.ts",
  "core/graph/kernels/mod.ts",
  "tests/fuzz/kernel_attributes.ts",
];

for (const kernel of Object.keys(kernelDefinitions)) {
  Deno.test(`${kernel} has one definition, three implementations and one file of cases`, () => {
    const one = (files: readonly string[], what: string): string => {
      assert.equal(files.length, 1, `${what} of ${kernel}: ${files}`);
      return files[0];
    };
    one(
      having(sources, "core/graph/kernels/", new RegExp(`name: "${kernel}"`)),
      "definitions",
    );
    one(
      having(
        sources,
        "backends/reference/kernels/",
        new RegExp(`: Kernel<\\s*"${kernel}"`),
      ),
      "implementations in reference",
    );
    one(
      having(
        sources,
        "backends/webgpu/kernels/",
        new RegExp(`const \\w+: Lower<\\s*"${kernel}"`),
      ),
      "implementations in webgpu",
    );
    const branch = new RegExp(`case "${kernel}":[\\s\\S]*?(lower[A-Z]\\w+)\\(`)
      .exec(sources.get("backends/cpu/lower.ts") ?? "");
    assert.ok(branch !== null, `backends/cpu/lower.ts has no ${kernel}`);
    one(
      having(
        sources,
        "backends/cpu/kernels/",
        new RegExp(`export function ${branch[1]}\\(`),
      ),
      "implementations in cpu",
    );
    const tried = having(
      cases,
      "tests/conformance/",
      new RegExp(`kernel:? (===? )?"${kernel}"|kernel: "${kernel}"`),
    );
    assert.ok(tried.length > 0, `no case has a call of ${kernel}`);
  });
}

Deno.test("a kernel is named by its definition, the lists, ops and implementations alone", () => {
  // names of one word are words of other things too
  const names = Object.keys(kernelDefinitions).filter((n) => n.includes("_"));
  const allowed = (path: string): boolean =>
    LISTS.includes(path) ||
    path.startsWith("core/graph/") ||
    /^backends\/\w+\/kernels\//.test(path) ||
    // an exporter of graphs says each kernel in another language
    path.startsWith("plugins/exporters/onnx/");
  const wrong = [...sources].flatMap(([path, text]) =>
    allowed(path) ? [] : names.filter((name) => text.includes(`"${name}"`))
      .map((name) => `${path} names ${name}`)
  );
  assert.deepEqual(wrong, []);
});

Deno.test("every list has every kernel", () => {
  for (const list of LISTS) {
    const text = sources.get(list) ?? Deno.readTextFileSync(
      new URL(list, root),
    );
    for (const kernel of Object.keys(kernelDefinitions)) {
      assert.match(text, new RegExp(`\\b${kernel}\\b`), list);
    }
  }
});
