/**
 * Tuning as `doctor --tune` shows it.
 * @module
 */
import { tuneWebgpu } from "./tune.ts";

/** Tunes the adapter of this machine, also a software one; reports each shape when it is done. */
export async function tuneAndShow(say: (line: string) => void): Promise<void> {
  const { adapter, path } = await tuneWebgpu({
    options: { allow_software: true },
    onShape: ({ shape, best, builtIn }) => {
      const { layout, m, n, k } = shape;
      const time = (t: { name: string; seconds: number } | null) =>
        t === null ? "none" : `${t.name} ${(1000 * t.seconds).toFixed(2)} ms`;
      say(
        `${layout} ${m} x ${n} x ${k}`.padEnd(24) +
          ` best ${time(best)}, built in ${time(builtIn)}`,
      );
    },
  });
  say(
    path === null
      ? `${adapter}: nothing was kept`
      : `${adapter}: kept in ${path}; runs on this adapter use it from now on`,
  );
}
