import { DbiFlag } from '../../lmdb/index.ts';
import { isPdnsIndex } from '../../powerdns/index.ts';
import {
  applicationKeyLength,
  collectSince,
  type DatabaseView,
  KeySet,
  storeOf,
  valueOffset,
} from '../../shadow/index.ts';
import type { ChangedDbi } from '../status/index.ts';
import { ChangeCollector } from './change-collector.ts';

/** Later than any time: only the ids of transactions count. */
const ANY_TIME = { hi: 0xffff_ffff, lo: 0xffff_ffff };
/** A record of PowerDNS names its zone by the id that is only in the first of these; the others say which zones are signed. */
const ZONES = /^(domains|keydata)(_v5)?_0$/;

/** So many zones are told at once. */
const PART_KEYS = 10_000;

/** All zones of PowerDNS and their keys, in parts. */
export function* zonesIn(
  view: DatabaseView,
  isWanted: (dbiName: string) => boolean = () => true,
): Generator<ChangedDbi> {
  for (const dbi of view.dbis.values()) {
    if (!ZONES.test(dbi.name) || !isPdnsIndex(dbi.name) || !isWanted(dbi.name)) continue;
    const isDupSort = (dbi.flags & DbiFlag.dupSort) !== 0;
    const walker = dbi.walk();
    for (let more = walker.next(); more; ) {
      const collector = new ChangeCollector(PART_KEYS, !isDupSort);
      collector.begin(dbi.name);
      for (let count = 0; more && count < PART_KEYS; count++, more = walker.next()) {
        const { keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd } = walker;
        if (isDupSort) collector.pair(keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd, true);
        else collector.candidate(keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd);
      }
      yield* collector.finish();
    }
  }
}

export interface MissedOptions {
  readonly native: boolean;
  readonly sinceTxnId: number;
  readonly maxKeys: number;
}

/**
 * What was written after a transaction, by the id of the writing transaction that every entry carries. An application that writes its
 * headers itself may leave that out; its entries then always count.
 */
export function missedChanges(view: DatabaseView, { native, sinceTxnId, maxKeys }: MissedOptions): ChangedDbi[] {
  const keys = new KeySet();
  collectSince(view, native, { txnId: sinceTxnId, time: ANY_TIME, untilTxnId: Number.POSITIVE_INFINITY }, keys);
  const store = storeOf(native);
  const names = keys.hasOverflowed ? store.dbiNames(view) : keys.dbiNames;
  if (keys.hasOverflowed || keys.count > maxKeys) return names.map((name) => ({ name, keys: undefined }));
  const collector = new ChangeCollector(maxKeys, native);
  for (const name of names) collectStored(name, view, keys, native, collector);
  return collector.finish();
}

/** Keys of the store, as those of the application. */
function collectStored(name: string, view: DatabaseView, keys: KeySet, native: boolean, into: ChangeCollector): void {
  const stored = storeOf(native).entries(view, name);
  if (!stored) return;
  into.begin(name);
  const main = view.dbis.get(name);
  const isDupSort = !native && main !== undefined && (main.flags & DbiFlag.dupSort) !== 0;
  const reader = stored.reader();
  const { entry } = reader;
  const list = keys.sorted(name, stored.order);
  for (let index = 0; index < list.length; index++) {
    if (!reader.find(list.buffer, list.startOf(index), list.endOf(index))) continue;
    const kind = entry.deleted ? 'delete' : 'put';
    const { keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd } = entry;
    const length = isDupSort ? applicationKeyLength(keyBuffer, keyStart, keyEnd) : -1;
    if (length < 0) into.add(kind, keyBuffer, keyStart, keyEnd);
    else if (!entry.deleted) into.add(kind, keyBuffer, keyStart, keyStart + length, valueBuffer, valueStart, valueEnd);
    // Of a duplicate that is gone the shadow key holds what fits into it.
    else into.add(kind, keyBuffer, keyStart, keyStart + length, keyBuffer, keyStart + valueOffset(length), keyEnd - 1);
  }
}
