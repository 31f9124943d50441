import type { Report } from './events.ts';

/** Between two reports of one piece of work. */
export const PROGRESS_EVERY_MS = 5000;
/** Anything smaller is over soon. */
const MIN_BYTES = 10 * 1000 * 1000;

export interface ProgressOptions {
  /** The full name of the object. */
  readonly name: string;
  readonly totalBytes: number;
  /** The monotonic clock. */
  readonly nowMs: () => number;
  readonly report: Report;
}

/** Tells how far the download of a large object is, every few seconds. */
export function downloadProgress({ name, totalBytes, nowMs, report }: ProgressOptions): (doneBytes: number) => void {
  if (totalBytes < MIN_BYTES) return () => {};
  let lastMs = nowMs();
  return (doneBytes) => {
    const now = nowMs();
    if (now - lastMs < PROGRESS_EVERY_MS) return;
    lastMs = now;
    report({ type: 'downloading', name, doneBytes, totalBytes });
  };
}
