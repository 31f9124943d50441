import type { LockClock } from './lock-clock.ts';

/** From the request to stop on; an application that uses its lock as usual gives it back long before. */
const PATIENCE_MS = 1200;
const LOOK_INTERVAL_MS = 100;

/**
 * Whether, of the workers that are left, each waits in LMDB for a write lock and has done so since we asked it to stop. Such a
 * thread reads no message, and `Worker.terminate` would wait for it.
 *
 * @param left the lock clocks of each worker that has not ended
 */
export function areAllBlocked(
  left: readonly (readonly Pick<LockClock, 'waitingSinceMs'>[])[],
  askedMs: number,
  nowMs: number,
): boolean {
  if (left.length === 0 || nowMs - askedMs < PATIENCE_MS) return false;
  const isBlocked = ({ waitingSinceMs }: Pick<LockClock, 'waitingSinceMs'>): boolean =>
    waitingSinceMs !== undefined && nowMs - Math.max(waitingSinceMs, askedMs) >= PATIENCE_MS / 2;
  return left.every((clocks) => clocks.some(isBlocked));
}

/** Looks from the request to stop until there is nobody to wait for but blocked workers. */
export class BlockedWorkers {
  readonly found: Promise<void>;
  #resolve = (): void => {};
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    this.found = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Once: a second call changes nothing. */
  watch(left: () => readonly (readonly LockClock[])[]): void {
    if (this.#timer) return;
    const askedMs = Date.now();
    this.#timer = setInterval(() => {
      if (areAllBlocked(left(), askedMs, Date.now())) this.#resolve();
    }, LOOK_INTERVAL_MS);
  }

  dispose(): void {
    clearInterval(this.#timer);
  }
}
