/** Runs hostile plugins and prints what came of them: `run.ts [text of the title ...]`. */
import { LOADING } from "./load.ts";
import type { HostilePlugin } from "./_plugin.ts";
import { tryOut } from "./try_out.ts";
const lists: HostilePlugin[] = [...LOADING];
for (const name of ["creating", "data_parts", "run_parts", "process"]) {
  try {
    const m = await import(`./${name}.ts`);
    for (const v of Object.values(m)) {
      if (Array.isArray(v)) lists.push(...v as HostilePlugin[]);
    }
  } catch (e) {
    if (!String(e).includes("Module not found")) console.log(String(e));
  }
}
const word = Deno.args[0] ?? "";
let bad = 0;
for (const one of lists) {
  if (!one.does.includes(word)) continue;
  const t = performance.now();
  const r = await tryOut(one);
  const ms = Math.round(performance.now() - t);
  if (r.faults.length > 0) bad++;
  console.log(
    `${r.faults.length === 0 ? "ok  " : "BAD "} ${ms} ms  ${one.does}`,
  );
  if (r.faults.length > 0 || word !== "") {
    console.log("     faults:", r.faults.join("; "));
    console.log(
      `     code ${r.done.code}\n` +
        (r.done.out + "\n--err\n" + r.done.err).slice(0, 3000).replace(
          /^/gm,
          "     | ",
        ),
    );
  }
}
console.log(bad, "bad of", lists.length);
