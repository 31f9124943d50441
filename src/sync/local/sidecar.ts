import { hash } from 'node:crypto';
import { openView, PageFile } from '../../btree/index.ts';
import type { Environment, WriteTransaction } from '../../lmdb/index.ts';
import {
  type DatabaseView,
  dropIntents,
  emptySidecar,
  openSidecar,
  pagedView,
  type Resolution,
  readSidecarState,
  resolveIntents,
  type SidecarState,
  type SidecarView,
  storeOf,
  writeSidecarState,
} from '../../shadow/index.ts';
import type { Held } from './held.ts';
import { judgeMemory, type MemoryVerdict } from './judge-memory.ts';
import { ShadowInsideError, SidecarFormatError, SidecarMismatchError } from './sidecar-errors.ts';

/** Where a kill leaves something half done; in the order in which they are passed. */
export type SidecarPoint =
  | 'intents written'
  | 'intents committed'
  | 'main committed'
  | 'settled'
  | 'recorded'
  | 'adopted';

export interface SidecarOptions {
  /** The data file of the sidecar. */
  readonly path: string;
  /** Of the application's LMDB. */
  readonly environment: Environment;
  readonly maxDbs: number;
  readonly fileMask?: number;
  readonly noSync?: boolean;
  /** Told of every point: for tests that end there. */
  readonly atPoint?: (point: SidecarPoint) => void;
}

/** What one transaction of the sidecar shows. */
export interface HeldSidecar {
  readonly view: SidecarView;
  release(): void;
}

const FORMAT = 1;
const NEW: SidecarState = { format: FORMAT, dataFile: '', txnId: 0, root: '', pendingTxnId: 0, lookedNano: '0' };
const GIB = 2 ** 30;
/** Room for one transaction, beside as much as there is already. */
const ROOM_BYTES = 512 * 2 ** 20;
const ROOT_HASH_LENGTH = 32;

/** An LMDB of ours beside the application's (decision 16). We are the only ones who write to it. */
export class Sidecar {
  readonly path: string;
  readonly environment: Environment;
  readonly #options: SidecarOptions;
  readonly #pages: PageFile;
  #state: SidecarState;
  /** Up to this transaction the application's LMDB survives a loss of power. */
  #durableTxnId = 0;

  /** @throws SidecarPlaceError, LmdbError and its kin, SidecarFormatError */
  constructor(options: SidecarOptions) {
    const { path, maxDbs, fileMask, noSync } = options;
    this.path = path;
    this.#options = options;
    this.environment = openSidecar(path, {
      main: options.environment,
      create: true,
      maxDbs,
      ...(fileMask === undefined ? {} : { fileMask }),
      ...(noSync === undefined ? {} : { noSync }),
    });
    try {
      this.#pages = new PageFile(this.environment.fd);
      const state = this.read((view) => readSidecarState(view));
      if (state && state.format !== FORMAT) throw new SidecarFormatError(path, state.format);
      this.#state = state ?? NEW;
    } catch (error) {
      this.environment.close();
      throw error;
    }
  }

  get state(): SidecarState {
    return this.#state;
  }

  /** The newest commit; the caller releases it. */
  hold(): HeldSidecar {
    const transaction = this.environment.beginRead();
    try {
      const pages = openView(this.#pages, transaction.id);
      // Nobody else commits here.
      if (pages === 'stale') throw new TypeError('somebody else writes to the sidecar');
      return { view: { ...pagedView(pages), pages }, release: () => transaction.abort() };
    } catch (error) {
      transaction.abort();
      throw error;
    }
  }

  read<T>(look: (view: DatabaseView) => T): T {
    const held = this.hold();
    try {
      return look(held.view);
    } finally {
      held.release();
    }
  }

  /** Writes entries, and what they agree with then, in one transaction. */
  write<T>(body: (transaction: WriteTransaction) => T, next: (result: T) => Partial<SidecarState>): T {
    this.#makeRoom();
    let state = this.#state;
    const result = this.environment.write((transaction) => {
      const result = body(transaction);
      state = { ...state, ...next(result) };
      writeSidecarState(transaction, state);
      return result;
    });
    this.#state = state;
    return result;
  }

  /**
   * To be called before entries speak of a transaction of the application's: it may commit without a sync, and after a loss of power an older
   * LMDB would lie beside them.
   */
  keepMain(txnId: number): void {
    if (txnId <= this.#durableTxnId) return;
    const { environment } = this.#options;
    const { lastTxnId } = environment.info();
    environment.sync();
    this.#durableTxnId = lastTxnId;
  }

  /** Which files both are. */
  get files(): Pick<SidecarState, 'dataFile' | 'ownFile'> {
    return { dataFile: this.#options.environment.dataFileIdentity, ownFile: this.environment.dataFileIdentity };
  }

  /** Both were judged to fit, also where an LMDB was put in the place of itself: they are what the next start is to find. */
  noteFiles(mainTxnId: number): void {
    const { dataFile, ownFile } = this.files;
    if (this.#state.dataFile === '' || (this.#state.dataFile === dataFile && this.#state.ownFile === ownFile)) return;
    this.keepMain(mainTxnId);
    this.write(
      () => {},
      () => this.files,
    );
  }

  /** Entries agree with a state of the application's LMDB. */
  agreeing(main: Held): Partial<SidecarState> {
    return {
      txnId: main.id,
      root: rootOf(main),
      lookedNano: later(this.#state.lookedNano, main.takenNano),
      ...this.files,
    };
  }

  /**
   * An object of ours is about to be published under that time: kept, so that a sidecar that is put back from a backup is known for what
   * it is. The time may be later than that of any look (decision 10).
   */
  noteName(nano: bigint): void {
    if (nano > BigInt(this.#state.lookedNano))
      this.write(
        () => {},
        () => ({ lookedNano: `${nano}` }),
      );
  }

  /**
   * The application's transaction is committed: what the entries replaced is no longer wanted.
   * @param main as it is now, where that could be seen
   */
  settle(txnId: number, main?: Held): void {
    // Our own commit has synced all that came before it.
    this.#durableTxnId = txnId;
    const root = main?.id === txnId ? rootOf(main) : '';
    this.write(dropIntents, () => ({ txnId, root, pendingTxnId: 0 }));
    this.at('settled');
  }

  /** After a kill, or a commit of main that failed. @param main as it is now */
  resolve(main: DatabaseView): Resolution | undefined {
    const { pendingTxnId } = this.#state;
    if (pendingTxnId === 0) return undefined;
    return this.write(
      (transaction) => resolveIntents(transaction, main, pendingTxnId),
      ({ isCommitted }) => ({ pendingTxnId: 0, ...(isCommitted ? { txnId: pendingTxnId, root: '' } : {}) }),
    );
  }

  /**
   * Whether it fits the application's LMDB as it is now; to be asked before anything is compared.
   * @param knowsOwn it knows of every object of ours that the bucket has
   * @throws SidecarMismatchError, ShadowInsideError
   */
  judge(main: Held, knowsOwn: boolean): MemoryVerdict {
    const { environment } = this.#options;
    const inside = storeOf(false).dbiNames({ ...main.view, sidecar: undefined });
    if (inside.length > 0) throw new ShadowInsideError(environment.dataPath);
    const judged = judgeMemory({
      state: this.#state,
      main: { txnId: main.id, root: rootOf(main), dataFile: environment.dataFileIdentity },
      ownFile: this.environment.dataFileIdentity,
      knowsOwn,
    });
    if (typeof judged === 'string') return judged;
    throw new SidecarMismatchError(this.path, environment.dataPath, judged.why);
  }

  /** Forgets all entries: the next round is that of a first start. @param known what is known all the same */
  forget(known: Partial<SidecarState>): void {
    this.write(emptySidecar, () => ({ ...NEW, lookedNano: this.#state.lookedNano, isRebuilding: false, ...known }));
  }

  at(point: SidecarPoint): void {
    this.#options.atPoint?.(point);
  }

  close(): void {
    this.#pages.close();
    this.environment.close();
  }

  /** Between transactions, so that none finds the map full: the map is only a range of addresses. */
  #makeRoom(): void {
    const { lastPageNumber, mapSizeBytes } = this.environment.info();
    const main = this.#options.environment.info();
    const usedBytes = (lastPageNumber + 1) * this.environment.pageSizeBytes;
    const mainBytes = (main.lastPageNumber + 1) * this.#options.environment.pageSizeBytes;
    const neededBytes = usedBytes + Math.max(usedBytes, mainBytes) + ROOM_BYTES;
    if (mapSizeBytes >= neededBytes) return;
    this.environment.setMapSize(Math.ceil((2 * neededBytes) / GIB) * GIB);
  }
}

/** The later of two times, one of which is written in decimal. */
export function later(a: string, b: bigint): string {
  return BigInt(a) > b ? a : `${b}`;
}

/** Of the root page: the same in two copies of one LMDB, after one transaction. */
function rootOf({ pages }: Held): string {
  return pages ? hash('sha256', pages.rootPage, 'hex').slice(0, ROOT_HASH_LENGTH) : '';
}
