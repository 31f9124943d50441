import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Polls until `check` neither throws nor answers `false`; past the deadline it throws the last error. The deadline says when to
 * give up, never how long something takes.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  options: { deadlineMs?: number; intervalMs?: number; what?: string } = {},
): Promise<T> {
  const { deadlineMs = 30_000, intervalMs = 50, what = 'the condition' } = options;
  const end = performance.now() + deadlineMs;
  for (;;) {
    let failure: unknown;
    try {
      const result = await check();
      if (result !== false) return result;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > end) {
      throw new Error(`${what} did not come true within ${deadlineMs} ms`, { cause: failure });
    }
    await sleep(intervalMs);
  }
}
