import type { WriteTransaction } from '../../lmdb/index.ts';
import type { DatabaseView } from '../view.ts';

/** What a sidecar says of the application's LMDB that it belongs to. In a private DBI of the sidecar, as JSON under one key. */
const STATE_DBI = '_sync_lmdbstream_sidecar';
const KEY = Buffer.from('state');
export const SIDECAR_FORMAT = 1;

export interface SidecarState {
  /** Of this layout; a later one is refused. */
  readonly format: number;
  /** Device and inode of the application's data file. */
  readonly dataFile: string;
  /** Id of the application's transaction with which the entries agree. */
  readonly txnId: number;
  /** Of the root page in that transaction, in hex; empty: it was not seen. */
  readonly root: string;
  /** Id of the application's transaction that the intents announce; 0: there are none. */
  readonly pendingTxnId: number;
  /** When the application's LMDB was last looked at, or a state of it taken to be published; ns since 1970, in decimal. */
  readonly lookedNano: string;
  /** Device and inode of the sidecar's own file, when `dataFile` was noted; a later one is a copy. */
  readonly ownFile?: string;
  /** It is being rebuilt from objects of the bucket: what it knows is not all that is known. */
  readonly isRebuilding?: boolean;
  /** Objects of ours up to this time are of an LMDB that is no longer there: they tell nothing of what is published of this one. */
  readonly anewNano?: string;
  /** Objects under our own name that are later than all that is known here, and could not be read. */
  readonly unreadable?: readonly string[];
}

/** @returns undefined: the sidecar is new */
export function readSidecarState(sidecar: DatabaseView): SidecarState | undefined {
  const reader = sidecar.dbis.get(STATE_DBI)?.reader();
  if (!reader?.get(KEY, 0, KEY.length)) return undefined;
  return JSON.parse(reader.valueBuffer.toString('utf8', reader.valueStart, reader.valueEnd)) as SidecarState;
}

export function writeSidecarState(transaction: WriteTransaction, state: SidecarState): void {
  transaction.put(transaction.openOrCreateDbi(STATE_DBI, 0), KEY, Buffer.from(JSON.stringify(state)));
}
