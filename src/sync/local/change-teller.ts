import { type DbiChange, diffDbis, diffTrees } from '../../btree/index.ts';
import { DuplicateZones } from '../../powerdns/index.ts';
import { isPrivate } from '../../shadow/index.ts';
import type { ChangedDbi, ChangeEventBody, ChangeListening, ChangeOrigin, Report } from '../status/index.ts';
import { ChangeCollector, TooManyKeys } from './change-collector.ts';
import { missedChanges, zonesIn } from './first-changes.ts';
import type { Held } from './held.ts';
import { splitChanges } from './split-changes.ts';

export interface ChangeTellerOptions {
  readonly native: boolean;
  /** Told of zones of PowerDNS that exist twice. */
  readonly report: Report;
  /** Told what changed, after the commit; undefined: nobody ever is. */
  readonly receiver: ChangeReceiver | undefined;
}

/** Whoever is told what changed. */
export interface ChangeReceiver {
  readonly listening: ChangeListening;
  /** Given: what was not told before the start is told then. `sinceTxnId`: the last transaction that was; undefined: nobody knows. */
  readonly missed: { readonly sinceTxnId: number | undefined } | undefined;
  readonly onChange: (event: ChangeEventBody) => void;
}

export const LOCAL: ChangeOrigin = { kind: 'local' };
const START: ChangeOrigin = { kind: 'start' };

/**
 * Tells what changed in the application's DBIs, whoever changed it: the base moves at every commit that matters, and the difference
 * of the two held trees is what that commit changed. Nothing is collected while merging, and nothing at all while nobody listens.
 */
export class ChangeTeller {
  readonly #options: ChangeTellerOptions;
  readonly #duplicates = new DuplicateZones();
  readonly #waiting: Omit<ChangeEventBody, 'txnId'>[] = [];
  #isLost = false;
  #hasStarted = false;
  /** The base of the last `flush`: everything up to it has been told. */
  #toldTxnId = 0;
  /** Whose changes our next commits bring; undefined: nobody's, such as those of the sweeper. */
  #writer: ChangeOrigin | undefined = LOCAL;

  constructor(options: ChangeTellerOptions) {
    this.#options = options;
  }

  get writer(): ChangeOrigin | undefined {
    return this.#writer;
  }

  /** What our own commits change during `work` counts as this one's. */
  async during<T>(writer: ChangeOrigin | undefined, work: () => T | Promise<T>): Promise<T> {
    this.#writer = writer;
    try {
      return await work();
    } finally {
      this.#writer = LOCAL;
    }
  }

  /** Nothing is known of the time until the next base. */
  lost(): void {
    this.#isLost = true;
  }

  /**
   * The base moves on. Both views are still held.
   * @param from undefined: there was none
   * @param origins whose commits lie between the two, in their order; at most two
   * @param isTrusted whether the pages of `from` are still as they were
   */
  moved(
    from: Held | undefined,
    to: Held,
    origins: readonly (ChangeOrigin | undefined)[],
    isTrusted: () => boolean,
  ): void {
    const isLost = this.#isLost;
    this.#isLost = false;
    if (from?.id === to.id) return;
    const { receiver } = this.#options;
    const hasZones = DuplicateZones.hasIndex(to.view);
    if (!receiver?.listening.isOn && !hasZones) return;
    const known = from?.pages && !isLost && isTrusted() ? from : undefined;
    if (hasZones) this.#lookAtZones(known, to);
    if (!receiver?.listening.isOn || (!from && !isLost)) return;
    // All of it is told by `started` as missed; told before, it would count as all that was missed.
    if (receiver.missed && !this.#hasStarted) return;
    const dbis = known ? this.#changes(known, to, receiver.listening.maxKeys) : everything(to);
    if (dbis.length === 0) return;
    if (receiver.listening.namesZones) this.#nameUnnamed(dbis, to);
    for (const share of this.#sharesOf(origins, dbis, to)) this.#waiting.push(share);
  }

  /** Who changed what of it. Of two origins the first is whose object our commit merged, the second came after that. */
  #sharesOf(
    origins: readonly (ChangeOrigin | undefined)[],
    dbis: readonly ChangedDbi[],
    to: Held,
  ): { readonly origin: ChangeOrigin; readonly dbis: readonly ChangedDbi[] }[] {
    let shares = [dbis, dbis];
    if (origins.length > 1 && !this.#options.native) {
      try {
        const { ours, others } = splitChanges(dbis, to.view);
        shares = [ours, others];
      } catch {
        // What is wrong with an entry or a page is told by who needs it to record a change.
      }
    }
    return origins.flatMap((origin, index) =>
      origin && shares[index]!.length > 0 ? [{ origin, dbis: shares[index]! }] : [],
    );
  }

  /** Tells what has come together. @param txnId of the base now: everything up to it is told with this */
  flush(txnId: number): void {
    const events = this.#waiting.splice(0);
    // Only with the last one everything is told: whoever is killed between two must be told the second.
    for (const [index, event] of events.entries())
      this.#options.receiver?.onChange({ ...event, txnId: index === events.length - 1 ? txnId : this.#toldTxnId });
    this.#toldTxnId = txnId;
  }

  /** At the start, after the first round: the zones that are there, and what was not told before we ended. */
  started(view: Held): void {
    const { native, receiver } = this.#options;
    this.#hasStarted = true;
    this.#toldTxnId = view.id;
    if (!receiver?.listening.isOn) return;
    const { missed, onChange } = receiver;
    const { maxKeys, namesZones } = receiver.listening;
    const { id: txnId } = view;
    if (namesZones) {
      for (const dbi of zonesIn(view.view)) onChange({ origin: START, txnId, dbis: [dbi] });
    }
    if (!missed) return;
    const { sinceTxnId } = missed;
    const isKnown = sinceTxnId !== undefined && sinceTxnId <= txnId;
    const dbis = isKnown ? missedChanges(view.view, { native, sinceTxnId, maxKeys }) : everything(view);
    if (dbis.length > 0) onChange({ origin: { kind: 'missed' }, txnId, dbis });
  }

  /** Zones that came with too many others to be named are named all the same: their records will only tell their ids. */
  #nameUnnamed(dbis: readonly ChangedDbi[], { view }: Held): void {
    const unnamed = new Set(dbis.flatMap(({ name, keys }) => (keys ? [] : [name])));
    for (const dbi of zonesIn(view, (name) => unnamed.has(name))) this.#waiting.push({ origin: START, dbis: [dbi] });
  }

  #lookAtZones(from: Held | undefined, to: Held): void {
    let zones: readonly string[] | undefined;
    try {
      zones = this.#duplicates.look(from?.view, to.view);
    } catch {
      // What is wrong with the pages is told by who needs them to record a change.
    }
    if (zones) this.#options.report({ type: 'duplicateZones', zones });
  }

  #changes(from: Held, to: Held, maxKeys: number): readonly ChangedDbi[] {
    if (!from.pages || !to.pages) return everything(to);
    let changes: readonly DbiChange[] = [];
    try {
      changes = diffDbis(from.pages, to.pages).filter(({ name }) => !isPrivate(name));
      const collector = new ChangeCollector(maxKeys, this.#options.native);
      for (const { name, oldTree, newTree } of changes) {
        collector.begin(name);
        diffTrees(oldTree, newTree, collector);
      }
      return collector.finish();
    } catch (error) {
      if (error instanceof TooManyKeys) return changes.map(({ name }) => ({ name, keys: undefined }));
      // What is wrong with the pages is told by who needs them to record a change.
      return everything(to);
    }
  }
}

/** Where nothing tells what changed. */
function everything({ view }: Held): ChangedDbi[] {
  return [...view.dbis.values()].filter(({ name }) => !isPrivate(name)).map(({ name }) => ({ name, keys: undefined }));
}
