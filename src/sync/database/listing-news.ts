import { toInstanceId } from '../../snapshot/index.ts';
import type { ChainIndex } from '../chain/index.ts';
import type { Report } from '../status/index.ts';
import type { DatabaseOptions } from './ports.ts';
import { ReplacedObjects } from './replaced-objects.ts';

/** What a listing tells beside what is to be loaded: a second process of our name, gaps, our objects that are gone or needless. */
export class ListingNews {
  readonly #options: DatabaseOptions;
  readonly #index: ChainIndex;
  readonly #report: Report;
  readonly replaced: ReplacedObjects;
  #toldDuplicate: string | undefined;
  #toldMissing: string | undefined;
  readonly #toldGaps = new Map<string, number>();
  #chainLength = 0;

  constructor(options: DatabaseOptions, index: ChainIndex, report: Report) {
    this.#options = options;
    this.#index = index;
    this.#report = report;
    this.replaced = new ReplacedObjects(options, index, report);
  }

  /** To be called after a listing. @returns whether an object of ours that the bucket took is missing for the first time */
  tell(): boolean {
    const [index, report] = [this.#index, this.#report];
    const duplicate = index.foreignOwnObject;
    if (duplicate !== undefined && duplicate !== this.#toldDuplicate) {
      this.#toldDuplicate = duplicate;
      report({ type: 'duplicateInstance', name: duplicate, instanceId: toInstanceId(this.#options.config.instance) });
    }
    this.tellChain();
    this.#tellGaps();
    const missing = index.ownMissing;
    const isNew = missing !== undefined && missing.name !== this.#toldMissing;
    this.#toldMissing = missing?.name;
    if (isNew) report({ type: 'ownMissing', name: missing.name, listings: missing.listings });
    return isNew;
  }

  /** To be called before an object of ours is sent: the bucket may take it and say no. @param digest see `ReplacedObjects.sent` */
  sending(full: string, digest: string | undefined): void {
    this.#index.addOwn(full);
    this.replaced.sent(full, digest);
  }

  /** To be called whenever an object of ours was stored. */
  tellChain(): void {
    const { length } = this.#index.ownChain().deltas;
    if (length !== this.#chainLength) this.#report({ type: 'chain', length });
    this.#chainLength = length;
  }

  /** A gap that the next listing closes is none: an object may be listed before the one that it continues. */
  #tellGaps(): void {
    const nowMs = this.#options.ports.clock.monotonicMs();
    const { open, healed } = this.#index.gaps();
    const seen = new Set<string>();
    for (const { instanceId, afterNano, sinceMs } of open) {
      seen.add(instanceId);
      const told = this.#toldGaps.get(instanceId);
      if (told === undefined) this.#toldGaps.set(instanceId, Number.NaN);
      else if (Number.isNaN(told)) {
        this.#toldGaps.set(instanceId, sinceMs);
        this.#report({ type: 'chainGap', instanceId, afterNano, openMs: nowMs - sinceMs });
      }
    }
    for (const [instanceId, told] of this.#toldGaps) {
      if (seen.has(instanceId)) continue;
      const gap = healed.find((candidate) => candidate.instanceId === instanceId && candidate.sinceMs === told);
      // What closes it may have yet to be merged.
      if (gap || Number.isNaN(told)) this.#toldGaps.delete(instanceId);
      if (gap) this.#report({ type: 'chainGapHealed', instanceId, openMs: gap.healedMs - gap.sinceMs, by: gap.by });
    }
  }
}
