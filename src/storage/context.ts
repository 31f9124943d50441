import type { Log } from '../log/index.ts';
import type { StorageObserver } from './types.ts';

/** What a backend is given from outside; all have defaults. */
export interface StorageContext {
  readonly log?: Log | undefined;
  /** Milliseconds since 1970 UTC. */
  readonly now?: (() => number) | undefined;
  readonly observer?: StorageObserver | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The same with the defaults filled in. */
export interface OpenContext {
  readonly log: Log;
  readonly now: () => number;
  readonly observer: StorageObserver | undefined;
  readonly signal: AbortSignal | undefined;
}
