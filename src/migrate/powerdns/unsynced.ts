import type { ReadTransaction } from '../../lmdb/index.ts';
import { Entry, takeStored } from '../../merge/index.ts';
import { SHADOW_PREFIX } from '../../shadow/index.ts';
import type { PdnsTableMove } from './tables.ts';

/** What differs between the shadow of before the upgrade and what PowerDNS made of the DBI: changes that were never recorded. */
export interface Unsynced {
  readonly added: number;
  readonly deleted: number;
  readonly changed: number;
  /** Hex of the first key of them. */
  readonly firstKey: string | undefined;
}

/**
 * Looks for changes between the last sync and the upgrade. They would have time 0 afterwards, and lose against anything: a deletion even
 * would come back. What the newer server has changed since has a time and is no matter.
 */
export function findUnsynced(transaction: ReadTransaction, move: PdnsTableMove): Unsynced {
  const shadowName = SHADOW_PREFIX + move.from;
  const shadow = transaction.openDbi(shadowName);
  const dbi = transaction.openDbi(move.to);
  const found = { added: 0, deleted: 0, changed: 0, firstKey: undefined as string | undefined };
  if (shadow === undefined || dbi === undefined) return found;
  const note = (kind: 'added' | 'deleted' | 'changed', key: Buffer): void => {
    found[kind]++;
    found.firstKey ??= key.toString('hex');
  };
  const [here, there] = [new Entry(), new Entry()];
  const old = transaction.cursor(shadow);
  while (old.next()) {
    const oldKey = old.key();
    here.setKey(oldKey, 0, oldKey.length);
    takeStored(here, shadowName, old.valueBuffer, old.valueStart, old.valueEnd);
    const key = here.deleted ? undefined : move.toNew(oldKey);
    if (key && transaction.get(dbi, key) === undefined) note('deleted', key);
  }
  old.close();
  const now = transaction.cursor(dbi);
  while (now.next()) {
    const key = now.key();
    here.setKey(key, 0, key.length);
    takeStored(here, move.to, now.valueBuffer, now.valueStart, now.valueEnd);
    if (here.deleted || here.timestampHi !== 0 || here.timestampLo !== 0) continue;
    const shadowKey = move.toShadow(key);
    const before = shadowKey && (transaction.get(shadow, shadowKey) as Buffer | undefined);
    if (shadowKey === undefined || before === undefined) {
      note('added', key);
      continue;
    }
    there.setKey(shadowKey, 0, shadowKey.length);
    takeStored(there, shadowName, before, 0, before.length);
    if (there.deleted) note('added', key);
    else if (move.keepsValues && !here.value().equals(there.value())) note('changed', key);
  }
  now.close();
  return found;
}
