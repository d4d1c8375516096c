/**
 * uPlot as browsers load it: its own files, found where the package was installed.
 * @module
 */

/** Script and style of the charts; null where the package's files are not at hand, as in a bundle. */
export async function chartsPackage(): Promise<
  { readonly script: string; readonly style: string } | null
> {
  try {
    const script = await packageFile("uPlot.iife.min.js");
    const style = await packageFile("uPlot.min.css");
    return { script, style };
  } catch {
    return null;
  }
}

async function packageFile(name: string): Promise<string> {
  const url = import.meta.resolve(`uplot/dist/${name}`);
  return await Deno.readTextFile(
    url.startsWith("file:") ? new URL(url) : await besideModule(name),
  );
}

/** Where no import map names the package: an error that it throws says where its code is. */
async function besideModule(name: string): Promise<URL> {
  const { default: uPlot } = await import("uplot");
  try {
    Reflect.construct(uPlot, []);
  } catch (error) {
    const at = error instanceof Error
      ? /(file:\/\/[^\s)]+\/)uPlot\.[\w.]+js/.exec(error.stack ?? "")
      : null;
    if (at !== null) return new URL(name, at[1]);
  }
  throw new Error("uPlot is not at hand");
}
