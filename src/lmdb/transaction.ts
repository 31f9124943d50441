import { Code, CREATE, DBI_FLAGS_MASK, PutFlag } from './constants.ts';
import { Cursor } from './cursor.ts';
import type { Dbi } from './dbi.ts';
import { dbiNameBytes, dbiNameOf, isDbiName, showDbiName } from './dbi-name.ts';
import { BadDbiNameError, MissingDbiError } from './errors.ts';
import { type Address, check, liblmdb } from './library.ts';
import { addressOf, copyMemory, scratch } from './memory.ts';
import type { TransactionView } from './views.ts';

/** Key of the unnamed DBI among the handles; no DBI can have this name. */
const MAIN = '\0';

export interface DbiStat {
  readonly pageSizeBytes: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
}

/** What a transaction tells its environment. */
export interface TransactionHooks {
  /** Called before a named DBI is opened; throws when another transaction holds the handles. */
  opensDbi(transaction: ReadTransaction): void;
  /** Called when it gives its handles up and goes on. */
  closesDbis(transaction: ReadTransaction): void;
  ended(transaction: ReadTransaction): void;
}

/**
 * A read transaction, and what write transactions share with it.
 *
 * One transaction of an environment at a time may open named DBIs (`mdb_dbi_open` in lmdb.h); the others read pages (btree).
 * DBI handles live within one transaction: LMDB closes those opened in an aborted one, another process may drop or re-create
 * the DBI in between, and re-opening costs a microsecond. So nothing is cached, and nothing can be stale.
 */
export class ReadTransaction {
  protected readonly txn: Address;
  protected readonly handles = new Map<string, Dbi>();
  /** A write transaction has written, with cursors that are closed or without them. */
  protected hasWritten = false;
  readonly #cursors = new Set<Cursor>();
  readonly #hooks: TransactionHooks;
  #id: number;
  #ended = false;
  #isForsaken = false;

  constructor(txn: Address, hooks: TransactionHooks) {
    this.txn = txn;
    this.#id = Number(liblmdb().txnId(txn));
    this.#hooks = hooks;
  }

  /** Of the commit that it sees, or makes. */
  get id(): number {
    return this.#id;
  }

  /**
   * Moves a read transaction on to the last commit, within the slot of the reader table that it has: nobody can take that in
   * between, however few there are. Cursors are closed, handles of DBIs are forgotten, and bytes that were read are gone.
   * Where it fails (another process has enlarged the map: `MapResizedError`) the transaction has ended; begin another one.
   * @throws LmdbError
   */
  renew(): void {
    this.assertOpen();
    if (this instanceof WriteTransaction) throw new TypeError('only a read transaction can be renewed');
    this.closeCursors();
    this.handles.clear();
    this.#hooks.closesDbis(this);
    liblmdb().txnReset(this.txn);
    const code = liblmdb().txnRenew(this.txn);
    if (code !== Code.success) {
      this.abort();
      check('mdb_txn_renew', code);
    }
    this.#id = Number(liblmdb().txnId(this.txn));
  }

  get isOpen(): boolean {
    return !this.#ended;
  }

  /** The unnamed DBI, whose keys are the names of the others. */
  openMain(): Dbi {
    return this.#open(MAIN, null, 0);
  }

  /**
   * @returns the DBI, or undefined where there is none of that name
   * @throws DbsFullError, BadDbiNameError, LmdbError (`INCOMPATIBLE` for a plain key of that name)
   */
  openDbi(name: string): Dbi | undefined {
    assertDbiName(name);
    try {
      return this.#open(name, name, 0);
    } catch (error) {
      if (error instanceof MissingDbiError) return undefined;
      throw error;
    }
  }

  protected openOrCreate(name: string, flags: number): Dbi {
    assertDbiName(name);
    return this.#open(name, name, (flags & DBI_FLAGS_MASK) | CREATE);
  }

  #open(key: string, name: string | null, flags: number): Dbi {
    this.assertOpen();
    const known = this.handles.get(key);
    if (known !== undefined) return known;
    if (name !== null) this.#hooks.opensDbi(this);
    const out = new Uint32Array(1);
    const code = liblmdb().dbiOpen(this.txn, name === null ? null : terminated(name), flags, out);
    if (code !== Code.success) {
      const shown = showDbiName(name ?? '');
      if (code === Code.notFound)
        throw new MissingDbiError('NO_SUCH_DBI', 'mdb_dbi_open', code, `no DBI named ${shown}`);
      check(`mdb_dbi_open ${shown}`.trim(), code);
    }
    const dbi = out[0]! as Dbi;
    this.handles.set(key, dbi);
    return dbi;
  }

  /** Persistent flags of a DBI (`DbiFlag`). */
  dbiFlags(dbi: Dbi): number {
    this.assertOpen();
    const out = new Uint32Array(1);
    check('mdb_dbi_flags', liblmdb().dbiFlags(this.txn, dbi, out));
    return out[0]! & DBI_FLAGS_MASK;
  }

  stat(dbi: Dbi): DbiStat {
    this.assertOpen();
    const out = new BigUint64Array(5);
    check('mdb_stat', liblmdb().stat(this.txn, dbi, out));
    return {
      pageSizeBytes: Number(out[0]! & 0xffff_ffffn),
      depth: Number(out[0]! >> 32n),
      branchPages: Number(out[1]),
      leafPages: Number(out[2]),
      overflowPages: Number(out[3]),
      entries: Number(out[4]),
    };
  }

  /** @returns the value (the first duplicate), or undefined */
  get(dbi: Dbi, key: Uint8Array): TransactionView | undefined {
    this.assertOpen();
    const memory = scratch();
    memory.setKey(key, 0, key.length);
    const code = liblmdb().get(this.txn, dbi, memory.keyVal, memory.dataVal);
    if (code === Code.notFound) return undefined;
    check('mdb_get', code);
    const value = Buffer.allocUnsafe(memory.dataSize);
    if (value.length > 0) copyMemory(addressOf(value), memory.dataAddress, value.length);
    return value as TransactionView;
  }

  /** Names of the DBIs, in key order; plain keys of the unnamed DBI are left out. */
  dbiNames(): string[] {
    return this.root().dbiNames;
  }

  /** What the unnamed DBI holds: the names of the others, and the first key that is none: data that the application keeps there. */
  root(): { readonly dbiNames: string[]; readonly plainKey: Buffer | undefined } {
    const dbiNames: string[] = [];
    let plainKey: Buffer | undefined;
    const cursor = this.cursor(this.openMain());
    try {
      while (cursor.next()) {
        const name = dbiNameOf(cursor.keyBuffer, cursor.keyStart, cursor.keyEnd);
        if (this.#isDbi(name)) dbiNames.push(name);
        else plainKey ??= cursor.key();
      }
    } finally {
      cursor.close();
    }
    return { dbiNames, plainKey };
  }

  #isDbi(name: string): boolean {
    if (!isDbiName(name)) return false;
    try {
      return this.openDbi(name) !== undefined;
    } catch (error) {
      if ((error as { errno?: number }).errno === Code.incompatible) return false;
      throw error;
    }
  }

  /** A cursor over a DBI; closed with the transaction at the latest. */
  cursor(dbi: Dbi): Cursor {
    this.assertOpen();
    const cursor = new Cursor(this.txn, dbi, () => {
      this.hasWritten ||= cursor.hasWritten;
      this.#cursors.delete(cursor);
    });
    this.#cursors.add(cursor);
    return cursor;
  }

  /** Ends the transaction; nothing happens when it has ended already, so it may stand in any `finally`. */
  abort(): void {
    if (this.#ended) return;
    this.end();
    if (!this.#isForsaken) liblmdb().txnAbort(this.txn);
  }

  /**
   * Of a read transaction whose slot in the reader table another process has cleared. LMDB would give back whatever is in that slot now, a reader of
   * the application perhaps, whose pages would be used again while it reads: it is not told of the end, and some KiB are lost.
   */
  forsake(): void {
    this.#isForsaken = true;
  }

  /** Closes every cursor that is open; the transaction goes on. */
  closeCursors(): void {
    for (const cursor of [...this.#cursors]) cursor.close();
  }

  protected end(): void {
    // Cursors first: those of a read transaction outlive it in LMDB, those of a write transaction must not.
    this.closeCursors();
    this.#ended = true;
    this.#hooks.ended(this);
  }

  protected assertOpen(): void {
    if (this.#ended) throw new TypeError('the transaction has ended');
  }
}

/** The one write transaction of an LMDB; it belongs to the thread that began it. */
export class WriteTransaction extends ReadTransaction {
  readonly #env: Address;

  constructor(txn: Address, env: Address, hooks: TransactionHooks) {
    super(txn, hooks);
    this.#env = env;
  }

  /** Opens a DBI, and creates it with `flags` when missing; flags of an existing one are kept. */
  openOrCreateDbi(name: string, flags: number): Dbi {
    const there = this.openDbi(name);
    if (there !== undefined) return there;
    this.hasWritten = true;
    return this.openOrCreate(name, flags);
  }

  /** @returns false when `flags` forbade it because the key or pair exists (`noOverwrite`, `noDupData`, `append`) */
  put(dbi: Dbi, key: Uint8Array, value: Uint8Array, flags: number = PutFlag.none): boolean {
    this.assertOpen();
    const memory = scratch();
    memory.setKey(key, 0, key.length);
    memory.setValue(value, 0, value.length);
    const code = liblmdb().put(this.txn, dbi, memory.keyVal, memory.dataVal, flags);
    if (code === Code.keyExist) return false;
    check('mdb_put', code);
    this.hasWritten = true;
    return true;
  }

  /** Deletes a key with all its duplicates, or one pair when `value` is given. @returns whether it was there */
  delete(dbi: Dbi, key: Uint8Array, value?: Uint8Array): boolean {
    this.assertOpen();
    const memory = scratch();
    memory.setKey(key, 0, key.length);
    if (value) memory.setValue(value, 0, value.length);
    const code = liblmdb().del(this.txn, dbi, memory.keyVal, value ? memory.dataVal : 0);
    if (code === Code.notFound) return false;
    check('mdb_del', code);
    this.hasWritten = true;
    return true;
  }

  /** Empties a DBI, or removes it with `remove`. */
  drop(dbi: Dbi, remove: boolean): void {
    this.assertOpen();
    check('mdb_drop', liblmdb().drop(this.txn, dbi, remove ? 1 : 0));
    this.hasWritten = true;
    if (remove) for (const [name, handle] of this.handles) if (handle === dbi) this.handles.delete(name);
  }

  /**
   * @returns whether anything was written; LMDB makes no commit of nothing, and the next writer gets the same id
   * @throws MapFullError, DiskFullError, LmdbError; the transaction is gone then and nothing of it was written
   */
  commit(): boolean {
    this.assertOpen();
    const opened = [...this.handles.values()];
    this.end();
    check('mdb_txn_commit', liblmdb().txnCommit(this.txn));
    for (const dbi of opened) if (dbi > 1) liblmdb().dbiClose(this.#env, dbi);
    return this.hasWritten;
  }
}

/** A name comes from a remote snapshot too: C would cut it at a NUL, and open another DBI. */
function assertDbiName(name: string): void {
  if (!isDbiName(name)) throw new BadDbiNameError(name);
}

/** A C string. */
function terminated(name: string): Buffer {
  return Buffer.concat([dbiNameBytes(name), Buffer.alloc(1)]);
}
