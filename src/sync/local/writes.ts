import type { WriteTransaction } from '../../lmdb/index.ts';
import type { Beside, Filling, Snapshotted, WritePlan } from '../../shadow/index.ts';
import type { Base } from './base.ts';
import type { FillPacking } from './fill-packing.ts';
import type { Held } from './held.ts';
import type { LocalKnowledge } from './local-knowledge.ts';
import type { BesideView, Rebased } from './rebase.ts';
import type { Steps } from './steps.ts';
import type { TrackerOptions } from './tracker-options.ts';
import type { Views } from './views.ts';

/** Runs under the application's write lock. `transaction` is of the LMDB that holds the entries. */
export type UnderLock<T> = (transaction: WriteTransaction, under: Snapshotted, beside: Beside | undefined) => T;

/** How entries are written: into the application's LMDB, or into a sidecar. The base moves on with every commit. */
export interface Writes {
  /** Main of the base and the entries that a view of now shows are as if of one moment. */
  readonly agrees: boolean;
  /** Since `prepare` somebody committed right behind a commit of ours, and nothing is held that could tell what. */
  readonly hasGap: boolean;
  /** To be called before a round looks at anything. @throws what only the operator can mend */
  prepare(): void;
  /** To be called when a round has found that nothing differs, and its view is the base. */
  agreed(): void;
  /** To be called when the base was given back. */
  lost(): void;
  /**
   * Writes a plan of local changes, and fills the shadows that it names, in slices.
   * @param view what the plan was made of
   * @param packing packs what the first filling copies
   * @returns entries written: also of what was committed behind the view, and found under the lock
   */
  record(plan: WritePlan, view: Held, packing?: FillPacking): Steps<number>;
  /** Takes the application's write lock for `body`, and commits. */
  locked<T>(body: UnderLock<T>): T;
  /** Writes to entries alone, which main does not notice: old deletion marks are removed. */
  entries<T>(body: (transaction: WriteTransaction) => T): T;
  /** A view of which main and entries are of one moment, for publishing; to be released, unless it is the base. */
  capturable(): Held;
}

/** What both ways share with the tracker. */
export interface WritesContext {
  readonly options: TrackerOptions;
  readonly base: Base;
  readonly known: LocalKnowledge;
  readonly views: () => Views;
  /** Records what was committed between a base and the lock. */
  readonly rebase: (
    transaction: WriteTransaction,
    base: Held,
    under: Snapshotted,
    filling?: Filling,
    beside?: BesideView,
  ) => Rebased;
}
