import { type Cursor, type Dbi, PutFlag, type WriteTransaction } from '../../lmdb/index.ts';
import { type Entry, HEADER_SIZE, txnIdOf } from '../../merge/index.ts';
import type { DatabaseView } from '../view.ts';
import { InMain } from './in-main.ts';
import { shadowedName, shadowFlags, shadowName } from './names.ts';
import { SidecarEntry, type StoredForm } from './sidecar-record.ts';

/**
 * What the entries of remote winners replace (decision 16), from the commit of the sidecar until main is committed: after a kill in
 * between they say what is to be put back. A DBI beside each shadow, of the same order. Key: that of the entry. Value: the record that
 * it replaces; nothing: there was none.
 */
const PREFIX = '_sync_intent_';

/** Notes what the entries of one DBI replace, where main changes. */
export class IntentWriter {
  readonly #transaction: WriteTransaction;
  readonly #name: string;
  readonly #flags: number;
  readonly #before = new SidecarEntry();
  readonly #after = new SidecarEntry();
  #cursor: Cursor | undefined;

  constructor(transaction: WriteTransaction, dbiName: string, dbiFlags: number) {
    this.#transaction = transaction;
    this.#name = PREFIX + dbiName;
    this.#flags = shadowFlags(dbiFlags);
  }

  /** To be called before the put. */
  note(shadow: Dbi, entry: Entry, header: Buffer, { buffer, start, end }: StoredForm): void {
    const key = entry.key();
    const replaced = this.#transaction.get(shadow, key) as Buffer | undefined;
    if (replaced) {
      const record = Buffer.concat([header, buffer.subarray(start, end)]);
      if (this.#isSameInMain(key, replaced, record)) return;
    } else if (entry.deleted) return;
    this.#cursor ??= this.#transaction.cursor(this.#transaction.openOrCreateDbi(this.#name, this.#flags));
    const value = replaced ?? NOTHING;
    // A key that comes twice is put back to what it was at first.
    this.#cursor.put(key, 0, key.length, undefined, value, 0, value.length, PutFlag.noOverwrite);
  }

  #isSameInMain(key: Buffer, replaced: Buffer, record: Buffer): boolean {
    this.#before.setKey(key, 0, key.length);
    this.#before.takeRecord(this.#name, replaced, 0, replaced.length);
    this.#after.setKey(key, 0, key.length);
    this.#after.takeRecord(this.#name, record, 0, record.length);
    return this.#before.isSameInMain(this.#after);
  }
}

const NOTHING = Buffer.alloc(0);

export interface Resolution {
  readonly intents: number;
  /** Main has what they announced: the transaction was committed. */
  readonly isCommitted: boolean;
}

/**
 * After a kill, or a commit that failed: finds whether main has what was announced. If it has not, the entries are put back to what they
 * were, so that the remote object is merged again. In neither case is a value that came from a peer taken for a change of ours (I12).
 *
 * A transaction is there as a whole or not at all, so each key shows what only it can have written, or what was there before; unless the
 * application has written since. It may write the very value of the peer, or put back what was there, and so most keys are believed.
 *
 * @param transaction the sidecar's
 * @param main the application's LMDB now
 * @param txnId the id that the transaction of main had, or would have had
 */
export function resolveIntents(transaction: WriteTransaction, main: DatabaseView, txnId: number): Resolution {
  const dbis = transaction.dbiNames().filter((name) => name.startsWith(PREFIX));
  let intents = 0;
  let shown = 0;
  let refuted = 0;
  for (const intent of dbis) {
    each(transaction, intent, main, (_key, before, after) => {
      intents++;
      if (after && !before) shown++;
      if (before && !after) refuted++;
    });
  }
  const isCommitted = main.txnId >= txnId && (refuted === 0 || shown > refuted);
  if (!isCommitted) {
    for (const intent of dbis) putBack(transaction, intent, main);
    dropMade(transaction, main, txnId);
  }
  dropIntents(transaction);
  return { intents, isCommitted };
}

/** Main is committed: what was there before is no longer wanted. */
export function dropIntents(transaction: WriteTransaction): void {
  for (const name of transaction.dbiNames()) {
    if (name.startsWith(PREFIX)) transaction.drop(transaction.openDbi(name)!, true);
  }
}

/** Shadows of DBIs that the transaction would have made: without it they would look as if the application had dropped these (decision 9). */
function dropMade(transaction: WriteTransaction, main: DatabaseView, txnId: number): void {
  for (const name of transaction.dbiNames()) {
    const dbiName = shadowedName(name);
    if (dbiName === undefined || main.dbis.has(dbiName)) continue;
    const dbi = transaction.openDbi(name)!;
    const cursor = transaction.cursor(dbi);
    let isMade = true;
    while (isMade && cursor.next()) {
      const { valueBuffer, valueStart, valueEnd } = cursor;
      isMade = valueEnd - valueStart >= HEADER_SIZE && txnIdOf(valueBuffer, valueStart) === txnId;
    }
    cursor.close();
    if (isMade) transaction.drop(dbi, true);
  }
}

type Look = (key: Buffer, showsBefore: boolean, showsAfter: boolean, before: Buffer) => void;

function each(transaction: WriteTransaction, intent: string, main: DatabaseView, look: Look): void {
  const name = intent.slice(PREFIX.length);
  const shadow = transaction.openDbi(shadowName(name));
  const inMain = new InMain(main.dbis.get(name));
  const cursor = transaction.cursor(transaction.openDbi(intent)!);
  while (cursor.next()) {
    const key = cursor.key();
    const after = shadow === undefined ? undefined : (transaction.get(shadow, key) as Buffer | undefined);
    const before = cursor.value();
    look(key, inMain.shows(key, before), inMain.shows(key, after ?? NOTHING), before);
  }
  cursor.close();
}

/** What main shows as it was announced stays: the peer has written it, whoever did so here. */
function putBack(transaction: WriteTransaction, intent: string, main: DatabaseView): void {
  const shadow = transaction.openDbi(shadowName(intent.slice(PREFIX.length)));
  if (shadow === undefined) return;
  each(transaction, intent, main, (key, isBefore, isAfter, before) => {
    if (isAfter && !isBefore) return;
    if (before.length > 0) transaction.put(shadow, key, before);
    else transaction.delete(shadow, key);
  });
}
