import type { Entry } from '../merge/index.ts';
import { timestampFromParts } from '../snapshot/index.ts';

/** What is on one side; bytes of one's own. */
export interface Side {
  /** ns since 1970; undefined: that side keeps no times. */
  readonly timestampNano: bigint | undefined;
  readonly deleted: boolean;
  readonly sizeBytes: number;
  /** At most `SHOWN_BYTES`. */
  readonly value: Buffer;
}

/** One entry that is not the same on both sides. */
export interface Difference<Kind extends string> {
  readonly kind: Kind;
  readonly dbi: string;
  readonly key: Buffer;
  /** undefined: it does not exist there. */
  readonly left: Side | undefined;
  readonly right: Side | undefined;
}

const SHOWN_BYTES = 64;

export function sideOf(entry: Entry, hasTimes: boolean): Side {
  const { valueBuffer, valueStart, valueEnd } = entry;
  return {
    timestampNano: hasTimes ? timestampFromParts(entry.timestampHi, entry.timestampLo) : undefined,
    deleted: entry.deleted,
    sizeBytes: valueEnd - valueStart,
    value: Buffer.from(valueBuffer.subarray(valueStart, Math.min(valueEnd, valueStart + SHOWN_BYTES))),
  };
}

/** Counts all differences of each kind and keeps the first few. */
export class Differences<Kind extends string> {
  readonly counts = new Map<Kind, number>();
  readonly first: Difference<Kind>[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get total(): number {
    let total = 0;
    for (const count of this.counts.values()) total += count;
    return total;
  }

  count(kind: Kind): number {
    return this.counts.get(kind) ?? 0;
  }

  /** @param describe called only for those that are kept */
  add(kind: Kind, describe: () => Omit<Difference<Kind>, 'kind'>): void {
    this.counts.set(kind, this.count(kind) + 1);
    if (this.first.length < this.#limit) this.first.push({ kind, ...describe() });
  }
}
