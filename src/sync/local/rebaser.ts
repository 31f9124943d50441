import type { WriteTransaction } from '../../lmdb/index.ts';
import { type Filling, KeySet, nativeChanges, type Snapshotted } from '../../shadow/index.ts';
import type { Held } from './held.ts';
import { type BesideView, type Rebased, recordUnder } from './rebase.ts';
import type { WritesContext } from './writes.ts';

/** Brings entries up to date under the lock. */
export class Rebaser {
  readonly #context: Omit<WritesContext, 'rebase'>;
  readonly #look: (view: Snapshotted) => void;
  readonly #isProtected: (held: Held) => boolean;

  /**
   * @param look what every view is looked at for
   * @param isProtected whether what was read of a held view is true; tells when it is not
   */
  constructor(
    context: Omit<WritesContext, 'rebase'>,
    look: (view: Snapshotted) => void,
    isProtected: (held: Held) => boolean,
  ) {
    this.#context = context;
    this.#look = look;
    this.#isProtected = isProtected;
  }

  /**
   * Records what was committed between `base` and the lock.
   * @param filling what is being copied and need not be looked at where it is not copied yet; takes DBIs that are to be filled, too
   */
  rebase(
    transaction: WriteTransaction,
    base: Held,
    under: Snapshotted,
    filling?: Filling,
    beside?: BesideView,
  ): Rebased {
    const { known, views } = this.#context;
    const touched = new KeySet(Number.POSITIVE_INFINITY);
    if (under.view.txnId === base.id) return { touched, recheckAll: false, hasLocalChanges: false, entries: 0 };
    this.#look(under);
    // Under the lock nobody uses pages again. What was found ahead of it was found in the pages of both.
    const { held } = this.#context.base;
    const isTrue = this.#isProtected(base) && (held === base || !held || this.#isProtected(held));
    if (this.#context.options.schema.native) {
      const changes = nativeChanges(isTrue ? base : undefined, under, { touched, unpublished: known.unpublished });
      return { touched, recheckAll: changes === undefined, hasLocalChanges: changes !== 0, entries: 0 };
    }
    // Behind our own commit the shadow differs by what we wrote ourselves.
    const isBaseBehind = this.#context.base.isBehind(base);
    // A slice of a filling writes to shadows alone: main tells all that came after it, and the lock need not wait for a look at what was filled.
    const scope = { ...known.scope(), filling, isBaseBehind: isBaseBehind && !filling };
    const tells = isTrue && (isBaseBehind || views().canCompare(base, under));
    // Whoever writes to the shadow beside us may have written what is ahead.
    if (!tells && filling?.name !== undefined) filling.forget(filling.name);
    const done = recordUnder(transaction, tells ? base : undefined, under, { ...scope, touched }, beside);
    // What a DBI that was made again gets back is found when everything is compared.
    if (beside && done.refills.size > 0) known.pending.overflow();
    return { touched, recheckAll: !tells, hasLocalChanges: done.count > 0, entries: done.count };
  }
}
