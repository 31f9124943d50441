import type { Report, SyncEventBody } from './events.ts';

/** Between two events of one piece of work: a bar on a terminal is made of them. */
const EVENT_EVERY_MS = 500;
/** Between two lines of the log. */
const LINE_EVERY_MS = 5000;
/** Anything smaller is over soon. */
const MIN_BYTES = 10 * 1000 * 1000;

/** Says when it is time to tell how far a piece of work is. It begins when this is made. */
export class ProgressPace {
  readonly #nowMs: () => number;
  #eventMs: number;
  #lineMs: number;

  /** @param nowMs the monotonic clock */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#eventMs = nowMs();
    this.#lineMs = this.#eventMs;
  }

  /** @returns undefined: not now; `tell`: also in the log */
  due(): { readonly tell: boolean } | undefined {
    const now = this.#nowMs();
    if (now - this.#eventMs < EVENT_EVERY_MS) return undefined;
    this.#eventMs = now;
    const tell = now - this.#lineMs >= LINE_EVERY_MS;
    if (tell) this.#lineMs = now;
    return { tell };
  }
}

export interface ProgressOptions {
  /** The full name of the object. */
  readonly name: string;
  readonly totalBytes: number;
  /** The monotonic clock. */
  readonly nowMs: () => number;
  readonly report: Report;
}

/** Tells how far the download of a large object is. */
export function downloadProgress({ name, totalBytes, nowMs, report }: ProgressOptions): (doneBytes: number) => void {
  if (totalBytes < MIN_BYTES) return () => {};
  const pace = new ProgressPace(nowMs);
  return (doneBytes) => {
    const due = pace.due();
    if (due) report({ type: 'downloading', name, doneBytes, totalBytes, ...due });
  };
}

export type ProgressEventBody = Extract<SyncEventBody, { readonly type: 'filling' | 'downloading' | 'merging' }>;

/** Whether an event only says how far something is. */
export function isProgress(event: SyncEventBody): event is ProgressEventBody {
  return event.type === 'filling' || event.type === 'downloading' || event.type === 'merging';
}
