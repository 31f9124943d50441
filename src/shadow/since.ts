import { compareTimes, HEADER_SIZE, type Time, timestampHiOf, timestampLoOf, txnIdOf } from '../merge/index.ts';
import type { KeySet } from './key-set.ts';
import { storeOf } from './store/index.ts';
import { type DatabaseView, entriesView } from './view.ts';

export interface WrittenSince {
  /** The LMDB transaction that an object of ours showed. */
  readonly txnId: number;
  /** The time of that object. */
  readonly time: Time;
  /** Entries of later transactions are not looked for. */
  readonly untilTxnId: number;
}

/**
 * Collects the keys of all entries written after a transaction, whoever they came from: a superset of the local changes
 * that an object of that transaction lacks. The time counts as well: in an LMDB that was restored from a backup the ids of
 * transactions begin again. An entry without an id (a native application may leave it out) is one of them.
 */
export function collectSince(view: DatabaseView, native: boolean, since: WrittenSince, into: KeySet): void {
  const store = storeOf(native);
  const { txnId, time, untilTxnId } = since;
  for (const dbi of entriesView(view).dbis.values()) {
    if (!store.holdsEntries(dbi.name)) continue;
    const name = store.dbiNameOf(dbi.name);
    const walker = dbi.walk();
    while (walker.next()) {
      const { valueBuffer, valueStart } = walker;
      if (walker.valueEnd - valueStart < HEADER_SIZE) continue;
      const writtenBy = txnIdOf(valueBuffer, valueStart);
      if (writtenBy > untilTxnId) continue;
      const hi = timestampHiOf(valueBuffer, valueStart);
      const lo = timestampLoOf(valueBuffer, valueStart);
      if (writtenBy !== 0 && writtenBy <= txnId && compareTimes(hi, lo, time.hi, time.lo) <= 0) continue;
      into.add(name, walker.keyBuffer, walker.keyStart, walker.keyEnd);
      if (into.hasOverflowed) return;
    }
  }
}
