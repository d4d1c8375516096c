/**
 * uPlot as browsers load it: its own files, found where the package was installed.
 * @module
 */

/** Script and style of the charts; null where the package's files are not at hand, as in a bundle. */
export async function chartsPackage(): Promise<
  { readonly script: string; readonly style: string } | null
> {
  try {
    const [script, style] = chartsFiles();
    return { script: await fileOf(script), style: await fileOf(style) };
  } catch {
    return null;
  }
}

/** Where script and style are, as far as that is known before the package is loaded. */
export function chartsFiles(): readonly [string, string] {
  // written out, so that publishing finds and rewrites them
  return [
    import.meta.resolve("uplot/dist/uPlot.iife.min.js"),
    import.meta.resolve("uplot/dist/uPlot.min.css"),
  ];
}

async function fileOf(url: string): Promise<string> {
  const file = url.startsWith("file:")
    ? new URL(url)
    : await besideModule(url.slice(url.lastIndexOf("/") + 1));
  return await Deno.readTextFile(file);
}

/** Where `npm:` specifiers stay as they are, as in a published package: an error of its code says where that is. */
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
