import { describe, expect, it } from 'vitest';
import { HeaderWriter, timeOf } from '../../src/merge/index.ts';
import { buildSnapshotName, type SnapshotKind, toTimestampNano } from '../../src/snapshot/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { eventually } from '../support/eventually.ts';
import { Instance } from '../support/fleet/instance.ts';
import { dbiOf, objectOf } from '../support/objects/objects.ts';
import { type Mode, poisonOf } from './objects.ts';

/**
 * I7, decision 11: whatever lies in the bucket, an instance goes on, publishes, tells once of each object that it cannot use, and
 * uses the older good one.
 */
const NOW = BigInt(Date.now()) * 1_000_000n;
const THEN = NOW - 60_000_000_000n;
const DUPSORT = 0x04;
/** A hundred commits with an fsync each, on a busy machine. */
const DEADLINE_MS = 120_000;
const MODES: Record<Mode, Record<string, unknown>> = {
  native: { schema_tracks_changes: true },
  shadow: {},
  dupsort: { dupsort_hack: true },
};

function nameOf(instanceId: string, nano: bigint, kind: SnapshotKind = 'snapshot'): string {
  const previous = kind === 'delta' ? { previousTimestampNano: toTimestampNano(THEN) } : { readsDeltas: true };
  const timestampNano = toTimestampNano(THEN + nano);
  return buildSnapshotName({ databaseName: 'main', instanceId, timestampNano, generationId: 'GX', kind, ...previous });
}

const good = (key: string): Buffer => objectOf([dbiOf('d', [{ key, value: 'good', nano: NOW }])]);

class Victim {
  readonly bucket = new MemoryStorage();
  readonly instance: Instance;
  readonly #mode: Mode;
  #written = 0;

  constructor(mode: Mode) {
    this.#mode = mode;
    this.instance = new Instance({
      name: 'a',
      bucket: this.bucket,
      lmdb: MODES[mode],
      config: { maxDecompressedSizeBytes: 8 * 2 ** 20 },
    });
    this.write();
    // For what is of another kind here.
    if (mode === 'dupsort') this.instance.application.put('m', 'k', 'v', DUPSORT);
  }

  /** The application changes something. */
  write(): void {
    const { hi, lo } = timeOf(NOW);
    const header = this.#mode === 'native' ? new HeaderWriter(1).set(hi, lo, 0) : Buffer.alloc(0);
    const value = Buffer.concat([header, Buffer.from('own')]);
    this.instance.application.put('d', `own-${this.#written++}`, value);
  }

  /** Every object that must be used is; every bad one is refused once; and what the application writes goes out. */
  async survives(bad: readonly string[], keys: readonly string[]): Promise<void> {
    const { instance } = this;
    const left = (): string[] => bad.filter((name) => instance.told('error', name).length === 0);
    const isDone = (): boolean =>
      instance.status.refusedObjects >= bad.length && keys.every((key) => key in instance.texts());
    await eventually(isDone, { what: 'all refused and used', deadlineMs: DEADLINE_MS }).catch((cause) => {
      throw new Error(`not refused: ${left().join(', ')}; ${JSON.stringify(instance.status)}`, { cause });
    });
    const { length } = instance.storage.stored;
    this.write();
    await instance.until('published', () => instance.storage.stored.length > length);
    const lists = (): number => instance.storage.calls.filter((call) => call === 'list').length;
    const before = lists();
    await instance.until('listed again', () => lists() > before + 3);
    const errors = instance.lines.filter((line) => line.startsWith('error'));
    const times = bad.map((name) => [name, errors.filter((line) => line.includes(name)).length]);
    expect(times.filter(([, count]) => count !== 1)).toEqual([]);
    expect(errors).toHaveLength(bad.length);
    expect([instance.status.refusedObjects, instance.status.phase]).toEqual([bad.length, 'running']);
    expect(
      Object.keys(instance.texts())
        .filter((key) => !key.startsWith('own'))
        .sort(),
    ).toEqual([...keys].sort());
  }
}

describe.each(['native', 'shadow', 'dupsort'] as const)('%s', { timeout: 3 * DEADLINE_MS }, (mode) => {
  const poison = poisonOf(mode);

  it('there are forty', () => {
    expect(poison.length).toBeGreaterThanOrEqual(40);
  });

  it('as the newest object of an instance', async () => {
    const victim = new Victim(mode);
    const bad: string[] = [];
    for (const [index, [, object]] of poison.entries()) {
      await victim.bucket.store(nameOf(`bad-${index}`, 1n), good(`older-${index}`));
      bad.push(nameOf(`bad-${index}`, 2n));
      await victim.bucket.store(bad.at(-1)!, object);
    }
    victim.instance.start();
    await victim.survives(
      bad,
      poison.map((_, index) => `older-${index}`),
    );
  });

  it('as the only object of an instance', async () => {
    const victim = new Victim(mode);
    const bad = poison.map((_, index) => nameOf(`bad-${index}`, 1n));
    for (const [index, [, object]] of poison.entries()) await victim.bucket.store(bad[index]!, object);
    await victim.bucket.store(nameOf('other', 1n), good('other'));
    victim.instance.start();
    await victim.survives(bad, ['other']);
  });

  it('as the delta after a full snapshot', async () => {
    const victim = new Victim(mode);
    const bad: string[] = [];
    for (const [index, [, object]] of poison.entries()) {
      await victim.bucket.store(nameOf(`bad-${index}`, 0n), good(`before-${index}`));
      bad.push(nameOf(`bad-${index}`, 1n, 'delta'));
      await victim.bucket.store(bad.at(-1)!, object);
    }
    victim.instance.start();
    await victim.survives(
      bad,
      poison.map((_, index) => `before-${index}`),
    );
  });

  it('as our own, one after the other, before a good one (I5)', async () => {
    const victim = new Victim(mode);
    const bad = poison.map((_, index) => nameOf('a', 2n + BigInt(index)));
    await victim.bucket.store(nameOf('a', 1n), good('own of old'));
    for (const [index, [, object]] of poison.entries()) await victim.bucket.store(bad[index]!, object);
    victim.instance.start();
    await victim.survives(bad, []);
    expect(victim.instance.texts()).toHaveProperty('own of old');
    // I5: what goes out is above what was there.
    expect(victim.instance.storage.stored.every((name) => name > bad.at(-1)!)).toBe(true);
  });
});
