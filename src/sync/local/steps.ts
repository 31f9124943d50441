import type { Clock } from '../time/index.ts';
import { REST_MS } from './slice-time.ts';

/** Work in steps: whoever drives it lets the write lock rest between two of them, for at least `REST_MS`. */
export type Steps<T> = Generator<void, T, void>;

/** Does all of it, and blocks the thread. */
export function done<T>(steps: Steps<T>, clock: Pick<Clock, 'pause'>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    clock.pause(REST_MS);
  }
}
