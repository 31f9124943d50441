import { KeySet, type PlannedWrite, storeOf, type WritePlan } from '../../shadow/index.ts';

/** Where a record stands in its plan. */
export interface PlanPosition {
  readonly dbi: number;
  readonly key: Buffer;
}

export function positionOf({ dbi, keyBuffer, keyStart, keyEnd }: PlannedWrite): PlanPosition {
  return { dbi, key: Buffer.from(keyBuffer.subarray(keyStart, keyEnd)) };
}

/**
 * Keys that changed since a plan was made, as far as the plan still has to come to them. What lies behind is forgotten: between two
 * slices beside an application that commits all the while that is all that we wrote ourselves. Bounded: over the bound every key
 * counts as changed, and each record is decided again.
 */
export class TouchedAhead {
  readonly keys: KeySet;
  readonly #plan: Pick<WritePlan, 'dbis' | 'isOrdered'>;
  readonly #native: boolean;
  #written: PlanPosition | undefined;

  constructor(plan: Pick<WritePlan, 'dbis' | 'isOrdered'>, native: boolean, limitBytes?: number) {
    this.keys = new KeySet(limitBytes);
    this.#plan = plan;
    this.#native = native;
  }

  /** To be called when a slice is committed, with the last record in it. */
  moveTo(written: PlanPosition): void {
    this.#written = written;
  }

  add(touched: KeySet): void {
    const { dbis, isOrdered } = this.#plan;
    // Each record of it is decided again anyway.
    if (!isOrdered) return;
    const written = this.#written;
    const indexes = new Map(dbis.map(({ name }, index) => [name, index]));
    const store = storeOf(this.#native);
    const order = written && store.orderOf(dbis[written.dbi]!.flags);
    this.keys.addAll(touched, (dbiName, buffer, start, end) => {
      const index = indexes.get(dbiName);
      if (index === undefined) return false;
      if (!written || !order || index !== written.dbi) return !written || index > written.dbi;
      return order(buffer, start, end, written.key, 0, written.key.length) > 0;
    });
  }
}
