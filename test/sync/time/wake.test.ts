import { describe, expect, it } from 'vitest';
import { Exclusive } from '../../../src/sync/local/exclusive.ts';
import { systemClock, Wake } from '../../../src/sync/time/index.ts';

const FOREVER = Number.POSITIVE_INFINITY;
const never = new AbortController().signal;

describe('Wake', () => {
  it('wakes everybody who waits', async () => {
    const wake = new Wake(systemClock);
    const waiting = [wake.wait(FOREVER, never), wake.wait(FOREVER, never), wake.wait(FOREVER, never)];
    wake.notify();
    expect(await Promise.all(waiting)).toEqual([true, true, true]);
  });

  it('keeps a notification that nobody waits for, once', async () => {
    const wake = new Wake(systemClock);
    wake.notify();
    wake.notify();
    expect(await wake.wait(FOREVER, never)).toBe(true);
    expect(await wake.wait(0, never)).toBe(false);
  });

  it('ends when aborted, also before', async () => {
    const wake = new Wake(systemClock);
    const abort = new AbortController();
    const waiting = wake.wait(FOREVER, abort.signal);
    abort.abort();
    expect(await waiting).toBe(false);
    expect(await wake.wait(FOREVER, abort.signal)).toBe(false);
  });
});

describe('Exclusive', () => {
  it('runs one after the other, in the order of asking, whatever fails', async () => {
    const turns = new Exclusive();
    const seen: string[] = [];
    const task = (name: string, fails = false) =>
      turns.run(async () => {
        seen.push(`${name} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      });
    const results = await Promise.allSettled([task('a'), task('b', true), task('c')]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(seen).toEqual(['a', 'b', 'c'].flatMap((name) => [`${name} begins`, `${name} ends`]));
    await turns.idle();
  });
});
