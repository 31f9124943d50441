import type { WriteTransaction } from '../../lmdb/index.ts';
import type { WritePlan } from '../../shadow/index.ts';
import { holdIfFree } from './base.ts';
import { readerCleared } from './compare-local.ts';
import type { FillPacking } from './fill-packing.ts';
import { FillSlices } from './fill-slice.ts';
import type { Held } from './held.ts';
import type { JoinedViews } from './joined-views.ts';
import { keepValuesOf } from './keep-values.ts';
import { applyPlan } from './rebase.ts';
import type { Sidecar } from './sidecar.ts';
import { SidecarNotWholeError } from './sidecar-errors.ts';
import type { Steps } from './steps.ts';
import type { UnderLock, Writes, WritesContext } from './writes.ts';

/**
 * Entries in a sidecar (decision 16). Local changes go there without the application's lock. Winners of peers go there first, with what
 * they replace, then into main; when that is committed, what they replaced is forgotten.
 */
export class SidecarWrites implements Writes {
  /** Recording makes no commit of main, behind which there could be another one. */
  readonly hasGap = false;
  readonly #context: WritesContext;
  readonly #sidecar: Sidecar;
  readonly #views: JoinedViews;
  #agrees = false;
  #isChecked = false;

  constructor(context: WritesContext, sidecar: Sidecar, views: JoinedViews) {
    this.#context = context;
    this.#sidecar = sidecar;
    this.#views = views;
  }

  get agrees(): boolean {
    return this.#agrees;
  }

  agreed(): void {
    this.#agrees = true;
  }

  lost(): void {
    this.#agrees = false;
  }

  prepare(): void {
    const isPending = this.#sidecar.state.pendingTxnId !== 0;
    if (this.#isChecked && !isPending) return;
    const main = this.#views.hold();
    try {
      if (!this.#isChecked) this.#assertFits(main);
      this.#isChecked = true;
      this.#resolve(main);
      this.#sidecar.noteFiles(main.id);
    } finally {
      main.release();
    }
  }

  /** What does not fit was put right before, with the help of the bucket (`SidecarMemory`). */
  #assertFits(main: Held): void {
    const verdict = this.#sidecar.judge(main, true);
    if (verdict !== 'whole') throw new SidecarNotWholeError(this.#sidecar.path, verdict);
  }

  /** Nobody waits for it: slices bound what one transaction takes in memory. */
  *record(plan: WritePlan, view: Held, packing?: FillPacking): Steps<number> {
    const { known, options, base } = this.#context;
    const slices = new FillSlices(options, known, true, packing);
    known.beginFilling(plan.fills);
    for (const name of plan.marks.keys()) if (!view.view.dbis.has(name)) this.#keepValues(name);
    const beside = { main: undefined, txnId: view.id, view: view.view } as const;
    this.#agrees = false;
    this.#sidecar.keepMain(view.id);
    for (let isFirst = true; ; isFirst = false) {
      const left = this.#recordOnce(isFirst, () =>
        this.#sidecar.write(
          (transaction) => {
            // What is copied is one view, whoever commits meanwhile.
            slices.begin(true);
            if (isFirst) applyPlan(transaction, plan, undefined, beside);
            const left = slices.fill(transaction, known.filling!.copy(), view.view, beside);
            // No lock keeps pages from being used again while they are read here.
            if (!this.#views.isTrusted(view)) throw readerCleared();
            // A filling that is cut short goes on from whichever slice is there.
            this.#sidecar.environment.syncMeta(left === undefined);
            return left;
          },
          (left) => (left ? {} : this.#sidecar.agreeing(view)),
        ),
      );
      if (slices.committed(left, view)) break;
      yield;
    }
    this.#sidecar.at('recorded');
    base.set(this.#views.refresh(view), this.#views, view);
    this.#agrees = true;
    known.quietAt(view.takenNano);
    return plan.count;
  }

  /** The application has dropped a DBI, and the base still has its values (decision 9). */
  #keepValues(dbi: string): void {
    const { base, options, views } = this.#context;
    if (options.schema.droppedDbis !== 'keep') return;
    const before = base.held && views().isTrusted(base.held) ? base.held.view : undefined;
    keepValuesOf(this.#sidecar, dbi, before, options);
  }

  /** When a later slice fails, what the first one has recorded is still to be told. */
  #recordOnce<T>(isFirst: boolean, write: () => T): T {
    try {
      return write();
    } catch (error) {
      if (!isFirst) this.#context.known.pending.overflow();
      throw error;
    } finally {
      this.#sidecar.environment.syncMeta(true);
    }
  }

  locked<T>(body: UnderLock<T>): T {
    const { options, base, known } = this.#context;
    let under: Held | undefined;
    try {
      this.#sidecar.keepMain(this.#views.lastTxnId());
      const { result, txnId } = options.lock.run((main) => {
        // It runs once more in a new transaction when the map was full.
        under?.release();
        under = undefined;
        under = this.#underResolved(main);
        return this.#announce(main, under, body);
      });
      try {
        this.#sidecar.at('main committed');
        this.#settle(txnId);
      } finally {
        // Main is committed, and is told as what it is; intents that are left are looked for.
        if (base.moveOn(txnId, under, this.#views).keepsUnder) under = undefined;
      }
      this.#agrees = base.held!.id === txnId;
      known.quietAt(base.held!.takenNano);
      return result;
    } catch (error) {
      // What was recorded under the lock may be there, and is still to be told; what was announced is looked for.
      if (!this.#agrees) known.pending.overflow();
      throw error;
    } finally {
      under?.release();
    }
  }

  #settle(txnId: number): void {
    const main = holdIfFree({ hold: () => this.#views.holdMain() });
    try {
      this.#sidecar.settle(txnId, main);
    } finally {
      main?.release();
    }
  }

  #underResolved(main: WriteTransaction): Held {
    const under = this.#views.under(main);
    if (this.#sidecar.state.pendingTxnId === 0) return under;
    try {
      this.#resolve(under);
      return this.#views.refresh(under);
    } finally {
      under.release();
    }
  }

  /** Writes all that the body writes to entries, with what it replaces, before main is committed. */
  #announce<T>(main: WriteTransaction, under: Held, body: UnderLock<T>): T {
    const sidecar = this.#sidecar;
    sidecar.keepMain(under.id);
    const result = sidecar.write(
      (transaction) => {
        const result = body(transaction, under, { main, txnId: main.id });
        sidecar.at('intents written');
        return result;
      },
      () => ({ ...sidecar.agreeing(under), pendingTxnId: main.id }),
    );
    this.#agrees = false;
    sidecar.at('intents committed');
    return result;
  }

  #resolve(main: Held): void {
    const resolution = this.#sidecar.resolve(main.view);
    if (resolution) this.#context.options.report({ type: 'sidecarResolved', ...resolution });
  }

  entries<T>(body: (transaction: WriteTransaction) => T): T {
    const { base } = this.#context;
    const result = this.#sidecar.write(body, () => ({}));
    // What our last commit wrote is still to be looked at in one that is behind it, which shows the entries from before it.
    if (!base.isBehind(base.held!)) base.set(this.#views.refresh(base.held!), this.#views);
    return result;
  }

  capturable(): Held {
    return this.#views.refresh(this.#context.base.held!);
  }
}
