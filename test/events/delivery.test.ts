import { describe, expect, it } from 'vitest';
import { Delivery, type DeliveryOptions, type DeliveryOutcome } from '../../src/events/index.ts';
import { silentLog } from '../../src/log/index.ts';
import { type ChangeEvent, systemClock } from '../../src/sync/index.ts';
import { eventually } from '../support/eventually.ts';
import { change, put } from './support.ts';

const never = new AbortController().signal;

describe('delivery', () => {
  function delivery(options: Partial<DeliveryOptions> & Pick<DeliveryOptions, 'deliver'>) {
    const outcomes: DeliveryOutcome[] = [];
    const lines: string[] = [];
    const consumer = new Delivery({
      name: 'test',
      maxKeys: 100,
      clock: systemClock,
      log: { ...silentLog, warn: (line) => lines.push(`warn ${line}`), info: (line) => lines.push(`info ${line}`) },
      retryMs: 1,
      maxRetryMs: 2,
      onOutcome: (outcome) => outcomes.push(outcome),
      ...options,
    });
    return { consumer, outcomes, lines };
  }

  it('tells everything once, one batch at a time', async () => {
    const told: number[] = [];
    let underWay = 0;
    const { consumer, lines } = delivery({
      deliver: async (events) => {
        expect(++underWay).toBe(1);
        await Promise.resolve();
        told.push(...events.map(({ txnId }) => txnId));
        underWay--;
      },
    });
    for (let txnId = 1; txnId <= 50; txnId++) {
      consumer.offer(change({ d: [put('k')] }, { txnId }));
      if (txnId % 7 === 0) await Promise.resolve();
    }
    await eventually(() => told.length === 50, { what: 'all told' });
    expect(told).toEqual(Array.from({ length: 50 }, (_, at) => at + 1));
    await consumer.close(never);
    expect(lines).toEqual([]);
  });

  it('a failure is told once, counted, and everything told again when it works', async () => {
    let fails = 5;
    const told: ChangeEvent[] = [];
    const { consumer, outcomes, lines } = delivery({
      deliver: async (events) => {
        if (fails-- > 0) throw new Error('not now');
        told.push(...events);
      },
    });
    consumer.offer(change({ d: [put('1')] }, { txnId: 1 }));
    consumer.offer(change({ d: [put('2')] }, { txnId: 2 }));
    await eventually(() => told.length === 2, { what: 'told after failures' });
    expect(told.map(({ txnId }) => txnId)).toEqual([1, 2]);
    expect(outcomes.filter(({ failed }) => failed)).toHaveLength(5);
    expect(lines.filter((line) => line.startsWith('warn')).length).toBe(3);
    expect(lines.at(-1)).toMatch(/^info .*works again/);
    await consumer.close(never);
  });

  it('closing makes one last attempt, and no more than that', async () => {
    let attempts = 0;
    const { consumer } = delivery({
      retryMs: 1e9,
      maxRetryMs: 1e9,
      deliver: async () => {
        attempts++;
        throw new Error('never');
      },
    });
    consumer.offer(change({ d: [put('1')] }));
    await eventually(() => attempts === 1, { what: 'first attempt' });
    await consumer.close(never);
    expect(attempts).toBe(2);
  });

  it('a nudge has no events, is tried until it works, and takes nothing of what waits', async () => {
    const told: number[] = [];
    let fails = 2;
    const { consumer } = delivery({
      deliver: async (events) => {
        if (fails-- > 0) throw new Error('not now');
        told.push(events.length);
      },
    });
    consumer.nudge();
    await eventually(() => told.length === 1, { what: 'nudged' });
    consumer.offer(change({ d: [put('1')] }));
    await eventually(() => told.length === 2, { what: 'told' });
    expect(told).toEqual([0, 1]);
    await consumer.close(never);
  });

  it('closing gives up an attempt that hangs when its time is over', async () => {
    let isHanging = false;
    const { consumer } = delivery({
      deliver: (_, signal) =>
        new Promise((_resolve, reject) => {
          isHanging = true;
          signal.addEventListener('abort', () => reject(new Error('given up')));
        }),
    });
    consumer.offer(change({ d: [put('1')] }));
    await eventually(() => isHanging, { what: 'hanging' });
    const patience = new AbortController();
    const closed = consumer.close(patience.signal);
    patience.abort();
    await closed;
  });
});
