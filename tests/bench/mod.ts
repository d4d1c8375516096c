/**
 * The benchmarks by name: `deno task bench` lists them, `deno task bench cpu_matmul` runs one. Figures that were
 * taken are in README.md beside this file.
 * @module
 */

const here = new URL(".", import.meta.url);
const names = [...Deno.readDirSync(here)]
  .map((entry) => entry.name)
  .filter((name) => /^[^_].*\.ts$/.test(name) && name !== "mod.ts")
  .map((name) => name.slice(0, -3))
  .sort();

const [name, ...args] = Deno.args;
if (name === undefined || !names.includes(name)) {
  console.log(`deno task bench NAME [...]: ${names.join(", ")}`);
  Deno.exit(name === undefined ? 0 : 2);
}
const bench = new Deno.Command(Deno.execPath(), {
  args: ["run", "-A", new URL(`${name}.ts`, here).href, ...args],
  stdout: "inherit",
  stderr: "inherit",
});
Deno.exit((await bench.spawn().status).code);
