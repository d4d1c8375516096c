/**
 * The end of a process that may hang in `MPI_Finalize`, where none of its JavaScript runs any more.
 *
 * A timer of the system calls `_exit` with the process's exit code on a thread of its own. All is saved by then, and
 * launchers take the code as it is; a signal (`alarm`) would make a failure of a run that is done. A process that is
 * stopped then runs nothing: a second timer kills it, or its launcher would wait for it for ever.
 * @module
 */

// POSIX timers: a signal (`SIGEV_SIGNAL`), or a thread that calls a function (`SIGEV_THREAD`)
const NOTIFY_BY_SIGNAL = 0;
const NOTIFY_BY_THREAD = 2;
const CLOCK_MONOTONIC = 1;
const SIGKILL = 9;
/** How long `_exit` may take before the process is killed, s. */
const EXIT_SECONDS = 1;

/** Ends this process after so many seconds at most with this exit code, whatever it waits for. */
export function exitAfter(seconds: number, code: number): void {
  if (Deno.build.os === "linux") exitByTimer(seconds, code);
  else endByAlarm(seconds);
}

function exitByTimer(seconds: number, code: number): void {
  const { symbols: libc } = Deno.dlopen("libc.so.6", {
    dlsym: { parameters: ["pointer", "buffer"], result: "pointer" },
    timer_create: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
    timer_settime: {
      parameters: ["u64", "i32", "buffer", "pointer"],
      result: "i32",
    },
  });
  const exit = libc.dlsym(null, new TextEncoder().encode("_exit\0"));
  /** `event` is a struct sigevent: argument, signal, kind of notice, function, attributes. */
  const start = (event: DataView<ArrayBuffer>, after: number): void => {
    const timer = new BigUint64Array(1);
    const created = libc.timer_create(
      CLOCK_MONOTONIC,
      new Uint8Array(event.buffer),
      new Uint8Array(timer.buffer),
    );
    if (created !== 0) return; // none left: MPI is trusted to return
    // struct itimerspec: no repetition; seconds and nanoseconds until it fires
    const whole = Math.floor(after);
    const time = new BigInt64Array(
      [0, 0, whole, Math.round((after - whole) * 1e9)].map(BigInt),
    );
    libc.timer_settime(timer[0], 0, new Uint8Array(time.buffer), null);
  };
  const exits = new DataView(new ArrayBuffer(64));
  exits.setInt32(0, code, true);
  exits.setInt32(12, NOTIFY_BY_THREAD, true);
  exits.setBigUint64(16, BigInt(Deno.UnsafePointer.value(exit)), true);
  const kills = new DataView(new ArrayBuffer(64));
  kills.setInt32(8, SIGKILL, true);
  kills.setInt32(12, NOTIFY_BY_SIGNAL, true);
  start(exits, seconds);
  start(kills, seconds + EXIT_SECONDS);
}

/** Elsewhere by a signal: macOS has no such timers. */
function endByAlarm(seconds: number): void {
  const { symbols: libc } = Deno.dlopen("/usr/lib/libSystem.B.dylib", {
    alarm: { parameters: ["u32"], result: "u32" },
  });
  libc.alarm(Math.ceil(seconds));
}
