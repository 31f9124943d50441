import { buildSnapshotName, parseSnapshotName, toTimestampNano } from '../../../src/snapshot/index.ts';
import type { ObjectInfo } from '../../../src/storage/index.ts';
import { ChainIndex, type ChainIndexOptions, type ListedObject } from '../../../src/sync/chain/index.ts';

export const BASE_NANO = 1_700_000_000_000_000_000n;
export const timeOf = (step: number): bigint => BASE_NANO + BigInt(step);

interface Extra {
  readonly f?: number;
  readonly d1?: boolean;
  readonly level?: number;
}

/** A full snapshot at a small time; `f`: its promise, which needs `d1`. */
export function full(instanceId: string, time: number, { f, d1 = false }: Extra = {}): string {
  return buildSnapshotName({
    databaseName: 'main',
    instanceId,
    timestampNano: toTimestampNano(timeOf(time)),
    generationId: 'GX',
    kind: 'snapshot',
    readsDeltas: d1,
    ...(f === undefined ? {} : { previousTimestampNano: toTimestampNano(timeOf(f)) }),
  });
}

/** A full snapshot by a writer that reads deltas. */
export const modern = (instanceId: string, time: number, f?: number): string =>
  full(instanceId, time, f === undefined ? { d1: true } : { f, d1: true });

export function delta(instanceId: string, f: number, time: number, level = 0): string {
  return buildSnapshotName({
    databaseName: 'main',
    instanceId,
    timestampNano: toTimestampNano(timeOf(time)),
    generationId: 'GX',
    kind: 'delta',
    level,
    previousTimestampNano: toTimestampNano(timeOf(f)),
  });
}

export const info = (name: string, sizeBytes = 100): ObjectInfo => ({ name, sizeBytes, modifiedMs: 1 });
export const listed = (name: string, sizeBytes = 100): ListedObject => ({
  name: parseSnapshotName(name),
  sizeBytes,
  modifiedMs: 1,
});

/** An index under a clock of its own: each listing takes place a second after the one before. */
export class Driven {
  readonly index: ChainIndex;
  nowMs = 0;
  forgottenBeforeNano = 0n;

  constructor(options: Partial<ChainIndexOptions> = {}) {
    this.index = new ChainIndex({ databaseName: 'main', ownInstanceId: 'me', ...options });
  }

  list(...names: (string | ObjectInfo)[]): readonly string[] {
    this.nowMs += 1000;
    const listing = names.map((name) => (typeof name === 'string' ? info(name) : name));
    const { nowMs, forgottenBeforeNano } = this;
    return this.index.update(listing, { startedMs: nowMs, nowMs, forgottenBeforeNano });
  }

  /** Names of what is due, a list for each batch. */
  due(): string[][] {
    return this.index.due().map(({ objects }) => objects.map(({ name }) => name.full));
  }

  merge(...names: string[]): void {
    for (const name of names) this.index.markMerged(this.#object(name));
  }

  refuse(name: string): void {
    this.index.markRefused(this.#object(name));
  }

  gone(name: string): void {
    this.index.markGone(this.#object(name));
  }

  /** C as a small time. */
  covered(instanceId: string): number | undefined {
    const nano = this.index.merged.get(instanceId);
    return nano === undefined ? undefined : Number(nano - BASE_NANO);
  }

  #object(full: string): ListedObject {
    const due = this.index.due().flatMap(({ objects }) => objects);
    return due.find(({ name }) => name.full === full) ?? listed(full);
  }
}
