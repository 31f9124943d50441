import { DbiFlag, isDbiName, PutFlag, type WriteTransaction } from '../lmdb/index.ts';
import { Entry, HEADER_SIZE, takeStored } from '../merge/index.ts';
import {
  isPrivate,
  MainValues,
  mainOf,
  SHADOW_PREFIX,
  SidecarEntry,
  StoredForm,
  shadowedName,
  writeSidecarState,
} from './store/index.ts';
import { cursorView } from './view.ts';

/** A DBI that was moved. */
export interface MovedDbi {
  readonly dbiName: string;
  readonly entries: number;
}

/** Whether shadows, or what else is ours, lie in an LMDB. */
export function hasShadows(transaction: WriteTransaction): boolean {
  return transaction.dbiNames().some(isPrivate);
}

/**
 * Copies shadows from an LMDB to a sidecar, with all times, and drops them there. The sidecar must be committed first: until the LMDB is, what lies
 * inside counts, and the move can be made again.
 * @param now ns since 1970
 * @throws HeaderError
 */
export function moveToSidecar(
  main: WriteTransaction,
  sidecar: WriteTransaction,
  { dataFile, nowNano }: { readonly dataFile: string; readonly nowNano: bigint },
): MovedDbi[] {
  emptySidecar(sidecar);
  const moved: MovedDbi[] = [];
  for (const name of main.dbiNames().filter(isPrivate)) {
    const dbiName = shadowedName(name);
    const entries = dbiName === undefined ? copy(main, sidecar, name) : shorten(main, sidecar, name, dbiName);
    moved.push({ dbiName: name, entries });
  }
  writeSidecarState(sidecar, stateOf(dataFile, main.id, nowNano));
  for (const { dbiName } of moved) main.drop(main.openDbi(dbiName)!, true);
  return moved;
}

/** Forgets all times: the next start is like that of a machine that joins, and is not taken for one whose sidecar was lost. */
export function startAnew(sidecar: WriteTransaction, dataFile: string, nowNano: bigint): MovedDbi[] {
  const dropped = emptySidecar(sidecar);
  writeSidecarState(sidecar, stateOf(dataFile, 0, nowNano));
  return dropped;
}

function stateOf(dataFile: string, txnId: number, nowNano: bigint) {
  return { format: 1, dataFile, txnId, root: '', pendingTxnId: 0, lookedNano: `${nowNano}` };
}

/** @returns what was in it */
export function emptySidecar(sidecar: WriteTransaction): MovedDbi[] {
  return sidecar.dbiNames().map((dbiName) => {
    const dbi = sidecar.openDbi(dbiName)!;
    const { entries } = sidecar.stat(dbi);
    sidecar.drop(dbi, true);
    return { dbiName, entries };
  });
}

function copy(from: WriteTransaction, to: WriteTransaction, name: string): number {
  const source = from.openDbi(name)!;
  const cursor = from.cursor(source);
  const target = to.openOrCreateDbi(name, from.dbiFlags(source));
  let entries = 0;
  for (; cursor.next(); entries++) to.put(target, cursor.key(), cursor.value());
  cursor.close();
  return entries;
}

/** A shadow with digests in the place of values. */
function shorten(main: WriteTransaction, sidecar: WriteTransaction, name: string, dbiName: string): number {
  const source = main.openDbi(name)!;
  const dbi = isDbiName(dbiName) ? main.openDbi(dbiName) : undefined;
  const isDupSort = dbi !== undefined && (main.dbiFlags(dbi) & DbiFlag.dupSort) !== 0;
  const cursor = main.cursor(source);
  const into = sidecar.cursor(sidecar.openOrCreateDbi(name, main.dbiFlags(source)));
  const entry = new Entry();
  const form = new StoredForm();
  const header = Buffer.alloc(HEADER_SIZE);
  let entries = 0;
  for (; cursor.next(); entries++) {
    const { keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd } = cursor;
    entry.setKey(keyBuffer, keyStart, keyEnd);
    takeStored(entry, name, valueBuffer, valueStart, valueEnd);
    // Of a DBI that the application has dropped nobody else has the values.
    form.set(entry, isDupSort, dbi === undefined);
    valueBuffer.copy(header, 0, valueStart, valueStart + HEADER_SIZE);
    noExtras(header);
    form.mark(header);
    into.put(keyBuffer, keyStart, keyEnd, header, form.buffer, form.start, form.end, PutFlag.append);
  }
  cursor.close();
  return entries;
}

const RESERVED_AT = 18;

/** No extra blocks, and nothing in what is reserved. */
function noExtras(header: Buffer): void {
  header.fill(0, RESERVED_AT, HEADER_SIZE);
}

/**
 * Copies shadows from a sidecar into the LMDB, with all times. A value that the application has changed since it was recorded is no longer
 * known: what is put there differs from it, so that the next start records the change.
 * @throws HeaderError
 */
export function moveInline(main: WriteTransaction, sidecar: WriteTransaction): MovedDbi[] {
  const view = cursorView(main);
  const moved: MovedDbi[] = [];
  for (const name of sidecar.dbiNames()) {
    const dbiName = shadowedName(name);
    if (dbiName === undefined) {
      if (OURS_INSIDE.includes(name)) moved.push({ dbiName: name, entries: copy(sidecar, main, name) });
      continue;
    }
    const application = view.dbis.get(dbiName);
    const values = application && new MainValues(mainOf(application));
    moved.push({ dbiName: name, entries: lengthen(sidecar, main, name, values) });
  }
  return moved;
}

/** What an LMDB with shadows inside has, too. */
const OURS_INSIDE = ['_sync_lmdbstream_detached', '_sync_lmdbstream_fill'];
const ANOTHER = [Buffer.alloc(0), Buffer.alloc(1)] as const;

function lengthen(
  sidecar: WriteTransaction,
  main: WriteTransaction,
  name: string,
  values: MainValues | undefined,
): number {
  const source = sidecar.openDbi(name)!;
  const cursor = sidecar.cursor(source);
  const target = main.openOrCreateDbi(SHADOW_PREFIX + shadowedName(name)!, sidecar.dbiFlags(source));
  const entry = new SidecarEntry();
  const header = Buffer.alloc(HEADER_SIZE);
  let entries = 0;
  for (; cursor.next(); entries++) {
    const { keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd } = cursor;
    entry.setKey(keyBuffer, keyStart, keyEnd);
    entry.takeRecord(name, valueBuffer, valueStart, valueEnd);
    if (entry.isDigest) fetchOrDiffer(entry, values);
    valueBuffer.copy(header, 0, valueStart, valueStart + HEADER_SIZE);
    noExtras(header);
    main.put(target, cursor.key(), Buffer.concat([header, entry.value()]));
  }
  cursor.close();
  return entries;
}

function fetchOrDiffer(entry: SidecarEntry, values: MainValues | undefined): void {
  const isThere = values?.fetch(entry) ?? false;
  const { valueBuffer, valueStart, valueEnd } = entry;
  if (isThere && entry.hasValue(valueBuffer, valueStart, valueEnd)) return;
  const other = ANOTHER[isThere && valueStart === valueEnd ? 1 : 0];
  entry.setValue(other, 0, other.length);
}
