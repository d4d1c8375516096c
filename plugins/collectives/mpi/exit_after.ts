/**
 * The end of a process that may hang in `MPI_Finalize`, where none of its JavaScript runs any more.
 *
 * A timer of the system calls `_exit` with the process's exit code on a thread of its own. All is saved by then, and
 * launchers take the code as it is; a signal (`alarm`) would make a failure of a run that is done.
 * @module
 */

/** Asks for a thread that calls a function (`SIGEV_THREAD` of POSIX timers). */
const NOTIFY_BY_THREAD = 2;
const CLOCK_MONOTONIC = 1;

/** Ends this process after so many seconds with this exit code, whatever it waits for. Returns what calls it off. */
export function exitAfter(seconds: number, code: number): () => void {
  return Deno.build.os === "linux"
    ? exitByTimer(seconds, code)
    : endByAlarm(seconds);
}

function exitByTimer(seconds: number, code: number): () => void {
  const { symbols: libc } = Deno.dlopen("libc.so.6", {
    dlsym: { parameters: ["pointer", "buffer"], result: "pointer" },
    timer_create: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
    timer_settime: {
      parameters: ["u64", "i32", "buffer", "pointer"],
      result: "i32",
    },
    timer_delete: { parameters: ["u64"], result: "i32" },
  });
  const exit = libc.dlsym(null, new TextEncoder().encode("_exit\0"));
  // struct sigevent: the argument, a signal that is not used, the kind of notice, the function, its attributes
  const event = new DataView(new ArrayBuffer(64));
  event.setInt32(0, code, true);
  event.setInt32(12, NOTIFY_BY_THREAD, true);
  event.setBigUint64(16, BigInt(Deno.UnsafePointer.value(exit)), true);
  const timer = new BigUint64Array(1);
  // struct itimerspec: no repetition; seconds and nanoseconds until it fires
  const whole = Math.floor(seconds);
  const time = new BigInt64Array(
    [0, 0, whole, Math.round((seconds - whole) * 1e9)].map(BigInt),
  );
  if (
    libc.timer_create(
      CLOCK_MONOTONIC,
      new Uint8Array(event.buffer),
      new Uint8Array(timer.buffer),
    ) !== 0
  ) return () => {}; // none left: MPI is trusted to return
  libc.timer_settime(timer[0], 0, new Uint8Array(time.buffer), null);
  return () => void libc.timer_delete(timer[0]);
}

/** Elsewhere by a signal: macOS has no such timers. */
function endByAlarm(seconds: number): () => void {
  const { symbols: libc } = Deno.dlopen("/usr/lib/libSystem.B.dylib", {
    alarm: { parameters: ["u32"], result: "u32" },
  });
  libc.alarm(Math.ceil(seconds));
  return () => void libc.alarm(0);
}
