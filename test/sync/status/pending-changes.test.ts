import { describe, expect, it } from 'vitest';
import { PendingChanges } from '../../../src/sync/index.ts';
import { change, put } from '../../events/support.ts';

describe('events that wait', () => {
  it('are taken in their order, whole', () => {
    const pending = new PendingChanges(10);
    const events = [change({ d: [put('a'), put('b')] }, { txnId: 1 }), change({ d: [put('a')] }, { txnId: 2 })];
    for (const event of events) pending.add(event);
    expect(pending.take()).toEqual(events);
    expect(pending.isEmpty).toBe(true);
  });

  it('over the bound they become one a database that says "many" with all its DBIs, and counting starts anew', () => {
    const pending = new PendingChanges(6);
    pending.add(change({ a: [put('1'), put('2')] }, { txnId: 1 }));
    pending.add(change({ b: [put('3')] }, { txnId: 2, db: 'other' }));
    pending.add(change({ c: [put('4')] }, { txnId: 3 }));
    expect(pending.take()).toEqual([
      change({ a: undefined, c: undefined }, { txnId: 3 }),
      change({ b: undefined }, { txnId: 2, db: 'other' }),
    ]);
    pending.add(change({ d: [put('5')] }));
    expect(pending.take()).toEqual([change({ d: [put('5')] })]);
  });

  it('what was given back comes before what has come since', () => {
    const pending = new PendingChanges(10);
    const [first, second] = [change({ d: [put('1')] }, { txnId: 1 }), change({ d: [put('2')] }, { txnId: 2 })];
    pending.add(first);
    const taken = pending.take();
    pending.add(second);
    pending.giveBack(taken);
    expect(pending.take()).toEqual([first, second]);
  });

  it('holds a bounded number of events without keys, too', () => {
    const pending = new PendingChanges(3);
    for (let txnId = 1; txnId <= 100; txnId++) pending.add(change({ d: undefined }, { txnId }));
    expect(pending.take().length).toBeLessThanOrEqual(3);
  });
});
