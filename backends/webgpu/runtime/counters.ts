/**
 * Counters of the backend: tests and profiles check with them that nothing is created after the first step.
 * @module
 */

/** Numbers since the device was opened. */
export interface Counters {
  /** Runs of programs. */
  runs: number;
  dispatches: number;
  passes: number;
  submits: number;
  /** Things made. */
  pipelines: number;
  bindGroups: number;
  buffers: number;
  /** Bytes of buffers that the host allocated, and of those that the backend needs besides. */
  allocatedBytes: number;
  ownBytes: number;
}

/** All zero. */
export function noCounts(): Counters {
  return {
    runs: 0,
    dispatches: 0,
    passes: 0,
    submits: 0,
    pipelines: 0,
    bindGroups: 0,
    buffers: 0,
    allocatedBytes: 0,
    ownBytes: 0,
  };
}
