import {
  buildSnapshotName,
  parseSnapshotName,
  type SnapshotName,
  type TimestampNano,
  timestampFromMilli,
} from '../../../src/snapshot/index.ts';
import { type CleanDeletion, decideCleaning, type Sighting } from '../../../src/sync/clean/index.ts';

export const MINUTE_MS = 60_000;
export const DAY_MS = 24 * 60 * MINUTE_MS;
export const CONFIG = { mustKeepIntervalMs: 10 * MINUTE_MS, removeOldInstancesIntervalMs: 7 * DAY_MS };

/** `at('10:10:50')` is on 30 January 2020; `at('06:00', 1)` on the first. Milliseconds since 1970 UTC. */
export function at(time: string, day = 30): number {
  return Date.parse(`2020-01-${String(day).padStart(2, '0')}T${time.length === 5 ? `${time}:00` : time}Z`);
}

export function nano(timeMs: number): TimestampNano {
  return timestampFromMilli(timeMs);
}

export function fullName(instanceId: string, timeMs: number, generationId = 'GX'): string {
  return buildSnapshotName({
    databaseName: 'test',
    instanceId,
    timestampNano: nano(timeMs),
    generationId,
    kind: 'snapshot',
  });
}

export function deltaName(instanceId: string, timeMs: number, previousMs: number): string {
  return buildSnapshotName({
    databaseName: 'test',
    instanceId,
    timestampNano: nano(timeMs),
    generationId: 'GX',
    kind: 'delta',
    previousTimestampNano: nano(previousMs),
  });
}

/** A bucket of names under repeated cleaning, without a shell: the decision alone, its state carried along. */
export class Bucket {
  readonly names = new Set<string>();
  readonly included = new Map<string, bigint>();
  readonly unproven = new Set<string>();
  sightings: ReadonlyMap<string, Sighting> = new Map();

  add(...names: string[]): void {
    for (const name of names) this.names.add(name);
  }

  /** One run of the cleaner; @returns what it removed. */
  clean(nowMs: number, ownInstanceId = 'a'): readonly CleanDeletion[] {
    const decision = decideCleaning({
      now: nowMs,
      ownInstanceId,
      listing: this.listing(),
      sightings: this.sightings,
      included: this.included,
      isProven: (full) => !this.unproven.has(full),
      config: CONFIG,
    });
    this.sightings = decision.sightings;
    for (const { name } of decision.deletions) this.names.delete(name);
    return decision.deletions;
  }

  listing(): SnapshotName[] {
    return [...this.names].map(parseSnapshotName);
  }

  left(): string[] {
    return [...this.names].sort();
  }
}
