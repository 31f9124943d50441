import { expect, it } from 'vitest';
import {
  buildSnapshotName,
  parseSnapshotName,
  type SnapshotName,
  toTimestampNano,
} from '../../../src/snapshot/index.ts';
import { Sightings } from '../../../src/sync/remote/sightings.ts';
import type { SyncEventBody } from '../../../src/sync/status/index.ts';

function nameOf(instanceId: string, second: number): SnapshotName {
  const timestampNano = toTimestampNano(BigInt(second) * 1_000_000_000n);
  const parts = { databaseName: 'main', instanceId, timestampNano, generationId: 'G', kind: 'snapshot' } as const;
  return parseSnapshotName(buildSnapshotName(parts));
}

it('tells what a listing shows that the one before did not, and of our own objects nothing', () => {
  const events: SyncEventBody[] = [];
  const sightings = new Sightings('own', (event) => void events.push(event));
  const told = (...newest: SnapshotName[]): unknown[] => {
    sightings.listed(newest);
    return events.splice(0).map((event) => (event.type === 'seen' ? event.object.name : event));
  };
  const [own, a, newer] = [nameOf('own', 1), nameOf('a', 2), nameOf('a', 3)];
  expect(told(own, a)).toEqual([{ type: 'instances', instanceIds: ['a', 'own'] }, a.full]);
  expect(told(own, a)).toEqual([]);
  expect(told(nameOf('own', 9), newer)).toEqual([newer.full]);
  expect(told(own)).toEqual([{ type: 'instances', instanceIds: ['own'] }]);
  expect(told(own, newer)).toEqual([{ type: 'instances', instanceIds: ['a', 'own'] }, newer.full]);
});
