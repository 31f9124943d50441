import type { SidecarState } from '../../shadow/index.ts';

/** What is known when an LMDB and its sidecar meet again. */
export interface MemoryFacts {
  readonly state: SidecarState;
  /** The application's LMDB as it is now. */
  readonly main: {
    readonly txnId: number;
    /** A digest of its root page. */
    readonly root: string;
    /** Device and inode. */
    readonly dataFile: string;
  };
  /** Device and inode of the sidecar. */
  readonly ownFile: string;
  /** The sidecar knows of every object of ours that the bucket has. */
  readonly knowsOwn: boolean;
}

/**
 * `whole`: what it says counts. `lost`: it is missing, or an old one; our own objects know more. `older`: the LMDB is older than what the
 * sidecar has seen. `replaced`: the LMDB is another file that was written to since, and our own objects know more than the sidecar does.
 */
export type MemoryVerdict = 'whole' | 'lost' | 'older' | 'replaced';

/** Nothing can be said: a guess could stamp old values as new. */
export interface Mismatch {
  readonly why: string;
}

/** The table of decision 16, from its top. */
export function judgeMemory({ state, main, ownFile, knowsOwn }: MemoryFacts): MemoryVerdict | Mismatch {
  const { txnId, root } = state;
  // Nothing was ever here that could have been seen.
  if (main.txnId === 0) return txnId === 0 && !state.isRebuilding ? 'whole' : 'older';
  const isReplaced = state.dataFile !== '' && inodeOf(state.dataFile) !== inodeOf(main.dataFile);
  if (state.isRebuilding) return isReplaced ? 'replaced' : 'lost';
  // What little there is was of another file.
  if (txnId === 0 && isReplaced) return 'older';
  if (txnId === 0) return knowsOwn ? 'whole' : 'lost';
  if (main.txnId < txnId) return 'older';
  if (main.txnId === txnId && root !== '') {
    if (root === main.root) return 'whole';
    return { why: `transaction ${txnId} is another one than was seen` };
  }
  if (!isReplaced) return knowsOwn ? 'whole' : 'lost';
  if (!knowsOwn) return 'replaced';
  // Both were copied, as when a machine moves.
  if (state.ownFile !== undefined && inodeOf(state.ownFile) !== inodeOf(ownFile)) return 'whole';
  return { why: 'it is another file, and it was written to since' };
}

/** Devices are numbered anew at every boot, where they are not disks. */
function inodeOf(identity: string): string {
  return identity.slice(identity.indexOf(':') + 1);
}
