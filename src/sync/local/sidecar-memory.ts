import {
  Adopter,
  detachedDbis,
  lacksValues,
  PlanWriter,
  removeFillMarker,
  type Schema,
  type SidecarState,
  WritePlan,
} from '../../shadow/index.ts';
import { type SnapshotName, snapshotNameOf } from '../../snapshot/index.ts';
import type { Report } from '../status/index.ts';
import type { Clock } from '../time/index.ts';
import type { Held } from './held.ts';
import type { MemoryVerdict } from './judge-memory.ts';
import { keepValuesOf } from './keep-values.ts';
import type { Memory, MergeBatch, MergeObject, MergeResult } from './local-database.ts';
import { type MergeOptions, readObject } from './merge-object.ts';
import { later, type Sidecar } from './sidecar.ts';
import { SliceTime } from './slice-time.ts';
import type { Tracker } from './tracker.ts';

export interface SidecarMemoryOptions
  extends Pick<MergeOptions, 'read' | 'maxDecompressedBytes' | 'cutoff' | 'lockMaxMs'> {
  readonly sidecar: Sidecar;
  readonly tracker: Tracker;
  readonly schema: Schema;
  readonly clock: Clock;
  readonly report: Report;
  /** Runs what nothing else may come between. */
  readonly turn: <T>(work: () => T | Promise<T>) => Promise<T>;
}

/** So many records are written between two looks at the clock. */
const CHECK_EVERY = 64;

/** A sidecar at start: whether it fits, and how it is rebuilt where it is missing, old, or newer than the LMDB (decision 16). */
export class SidecarMemory implements Memory {
  readonly #options: SidecarMemoryOptions;
  readonly #sidecar: Sidecar;
  /** `values`: it is whole, but for values of DBIs that the application has dropped while we did not run (decision 9). */
  #mode: MemoryVerdict | 'values' = 'whole';
  /** Of our own objects that it does not know, and that could be read: the latest time, and the latest transaction of the LMDB. */
  #unknown: { readonly nano: bigint; readonly txnId: number } | undefined;
  #unreadable: readonly string[] = [];
  #wasMissing = false;
  #objects = 0;
  #entries = 0;
  #undecided = 0;

  constructor(options: SidecarMemoryOptions) {
    this.#options = options;
    this.#sidecar = options.sidecar;
  }

  begin(own: readonly SnapshotName[]): Promise<'whole' | 'rebuild'> {
    return this.#look((main) => {
      this.#wasMissing = this.#sidecar.state.txnId === 0;
      const knowsOwn = own.every((name) => this.#knows(name));
      this.#judge(main, knowsOwn);
      if (main.id === 0 && this.#mode === 'whole' && !knowsOwn) this.#beginsAnew(own);
      return this.#mode === 'whole' ? 'whole' : 'rebuild';
    });
  }

  /** All that we have published was of another LMDB, whatever this one's transactions come to. */
  #beginsAnew(own: readonly SnapshotName[]): void {
    const nano = own.reduce((latest, { timestampNano }) => (timestampNano > latest ? timestampNano : latest), 0n);
    const anewNano = later(this.#sidecar.state.lookedNano, nano);
    this.#sidecar.forget({ lookedNano: anewNano, anewNano, ...this.#sidecar.files });
  }

  /** What a kill has left is put right first: it would look as if values were missing. */
  #resolve(main: Held): void {
    const resolution = this.#sidecar.resolve(main.view);
    if (resolution) this.#options.report({ type: 'sidecarResolved', ...resolution });
  }

  /** What it knew when it was left. */
  #knows({ full, timestampNano }: SnapshotName): boolean {
    const { lookedNano, unreadable = [] } = this.#sidecar.state;
    return timestampNano <= BigInt(lookedNano) || unreadable.includes(full);
  }

  #judge(main: Held, knowsOwn: boolean): void {
    this.#mode = this.#sidecar.judge(main, knowsOwn);
    if (this.#mode !== 'whole' && this.#mode !== 'lost') return;
    this.#resolve(main);
    if (this.#mode === 'lost') return;
    const resolved = this.#options.tracker.views.hold();
    try {
      if (this.#withoutValues(resolved).length > 0) this.#mode = 'values';
    } finally {
      resolved.release();
    }
  }

  #withoutValues({ view }: Held): string[] {
    return detachedDbis(view, this.#options.schema).filter((name) => lacksValues(view, name));
  }

  adopt({ objects }: MergeBatch, isOwn: boolean, signal: AbortSignal): Promise<readonly MergeResult[]> {
    return this.#options.turn(async () => {
      const results: MergeResult[] = [];
      // One after the other: a key may come in several of them.
      for (const object of objects) results.push(await this.#adoptOne(object, isOwn, signal));
      return results;
    });
  }

  async #adoptOne(object: MergeObject, isOwn: boolean, signal: AbortSignal): Promise<MergeResult> {
    const { schema, tracker, cutoff } = this.#options;
    const name = snapshotNameOf(object.name);
    const isKnown = isOwn && name !== undefined && this.#knows(name);
    const plan = new WritePlan();
    const held = tracker.views.hold();
    try {
      const adopter = new Adopter(
        {
          objectName: object.name,
          schema,
          view: held.view,
          cutoff: cutoff(),
          isOwn,
          onlyValues: this.#mode === 'values' || isKnown,
          onDbi: ({ name, flags }) => tracker.learnFlags(name, flags),
        },
        plan,
      );
      await readObject(object, adopter, held.view, { ...this.#options, signal });
      const header = adopter.snapshotHeader;
      if (isOwn && !isKnown && name && header) this.#noteOwn(name, Number(header.meta.lmdbTxnId), held.id);
      if (this.#mode !== 'older' && !plan.isEmpty) this.#write(plan, held);
      this.#objects++;
      if (this.#mode !== 'older') this.#undecided += adopter.undecided;
      return { header, entries: adopter.entries, written: plan.count };
    } finally {
      held.release();
      plan.dispose();
    }
  }

  /** An object of ours that shows more than there is: an older copy of the LMDB was put back. So it was where nothing else is known. */
  #noteOwn({ timestampNano }: SnapshotName, txnId: number, mainTxnId: number): void {
    const { nano, txnId: before } = this.#unknown ?? { nano: 0n, txnId: 0 };
    this.#unknown = { nano: nano > timestampNano ? nano : timestampNano, txnId: Math.max(txnId, before) };
    if (txnId > mainTxnId || this.#mode === 'replaced') this.#mode = 'older';
  }

  /** Until all is adopted the sidecar says that it is not whole. */
  #write(plan: WritePlan, { id }: Held): void {
    const { clock, lockMaxMs } = this.#options;
    const time = new SliceTime(clock, lockMaxMs);
    const records = plan.reader();
    const isRebuilding = this.#mode !== 'values' || this.#sidecar.state.isRebuilding === true;
    // As what an object of ours holds, not as what it lacks.
    const beside = { main: undefined, txnId: Math.min(this.#unknown?.txnId ?? id, id) } as const;
    for (let more = true, isFirst = true; more; isFirst = false) {
      const start = records.position;
      const countBefore = this.#entries;
      this.#sidecar.write(
        (transaction) => {
          time.begin();
          records.seek(start);
          this.#entries = countBefore;
          const writer = new PlanWriter(transaction, plan, { native: false, ifTouched: 'drop', beside });
          if (isFirst) writer.openDbis();
          more = this.#writeSlice(writer, records, time);
          time.written();
        },
        () => ({ isRebuilding }),
      );
      this.#sidecar.at('adopted');
    }
  }

  #writeSlice(writer: PlanWriter, records: ReturnType<WritePlan['reader']>, time: SliceTime): boolean {
    for (let count = 1; ; count++) {
      const record = records.next();
      if (!record) return false;
      writer.write(record);
      this.#entries++;
      if (count % CHECK_EVERY === 0 && time.isUp) return true;
    }
  }

  ownAdopted(unreadable: readonly string[]): Promise<boolean> {
    return this.#look((main) => {
      this.#unreadable = unreadable;
      if (this.#mode === 'older') {
        this.#forget(main);
        return false;
      }
      if (this.#unknown || this.#mode === 'values' || this.#sidecar.state.isRebuilding) return true;
      // What it does not know are no objects at all.
      this.#judge(main, true);
      this.#sidecar.write(
        () => {},
        () => ({ unreadable }),
      );
      return this.#mode !== 'whole';
    });
  }

  #forget({ id: txnId }: Held): void {
    const { txnId: seen } = this.#sidecar.state;
    const seenTxnId = Math.max(seen, this.#unknown?.txnId ?? 0);
    const anewNano = later(this.#sidecar.state.lookedNano, this.#unknown?.nano ?? 0n);
    this.#sidecar.forget({ lookedNano: later(anewNano, this.#options.clock.nowNano()), anewNano, ...this.#noted });
    this.#options.report({ type: 'sidecarForgotten', txnId, seenTxnId });
  }

  get #noted(): Partial<SidecarState> {
    return this.#unreadable.length > 0 ? { unreadable: this.#unreadable } : {};
  }

  finish(): Promise<void> {
    return this.#look((main) => {
      const { report } = this.#options;
      for (const dbi of this.#withoutValues(main)) keepValuesOf(this.#sidecar, dbi, undefined, this.#options);
      if (this.#mode === 'values') return;
      const { lookedNano, ...agreeing } = this.#sidecar.agreeing(main);
      this.#sidecar.write(removeFillMarker, () => ({
        ...agreeing,
        lookedNano: later(lookedNano!, this.#unknown?.nano ?? 0n),
        isRebuilding: false,
        ...this.#noted,
      }));
      const [objects, entries, undecided] = [this.#objects, this.#entries, this.#undecided];
      report({ type: 'sidecarRebuilt', wasMissing: this.#wasMissing, objects, entries, undecided });
    });
  }

  /** Looks at main and sidecar as they are now. */
  #look<T>(look: (main: Held) => T): Promise<T> {
    return this.#options.turn(() => {
      const held = this.#options.tracker.views.hold();
      try {
        return look(held);
      } finally {
        held.release();
      }
    });
  }
}
