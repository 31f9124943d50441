import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  buildSnapshotName,
  formatNameTimestamp,
  parseNameTimestamp,
  parseSnapshotName,
  SnapshotNameError,
  shortHash,
  snapshotNameOf,
  timestampFromMilli,
  timestampFromParts,
  timestampHi,
  timestampLo,
  toInstanceId,
  toTimestampNano,
} from '../../src/snapshot/index.ts';
import { goldenObjects } from './golden-objects.ts';

const TS = '20220102-030405-012345678';
const EXAMPLE = `main__inst1__${TS}__GX.pb.gz`;
const NANO = toTimestampNano(1641092645_012345678n);

const reasonOf = (name: string): string => {
  try {
    parseSnapshotName(name);
  } catch (error) {
    if (error instanceof SnapshotNameError) return error.reason;
    throw error;
  }
  return 'accepted';
};

describe('object names', () => {
  it('parses the example of the reference', () => {
    expect(parseSnapshotName(EXAMPLE)).toEqual({
      full: EXAMPLE,
      databaseName: 'main',
      instanceId: 'inst1',
      timestampNano: NANO,
      timestampText: TS,
      generationId: 'GX',
      extras: [],
      kind: 'snapshot',
      level: 0,
      readsDeltas: false,
    });
  });

  it.each([
    ['NAM-01 no dot', 'main__inst1', 'no-dot'],
    ['NAM-01 case of the extension', `main__inst1__${TS}__GX.PB.gz`, 'unknown-extension'],
    ['NAM-01 more than the extension', `main__inst1__${TS}__GX.pb.gz.tmp`, 'unknown-extension'],
    ['NAM-01 another extension', `main__inst1__${TS}__GX.pb`, 'unknown-extension'],
    ['NAM-02', `main__inst1__${TS}.pb.gz`, 'too-few-parts'],
    ['NAM-04 too short', 'main__inst1__20220102-030405__GX.pb.gz', 'timestamp-format'],
    ['NAM-04 no dash', 'main__inst1__20220102-030405.012345678__GX.pb.gz', 'unknown-extension'],
    ['NAM-04 dash elsewhere', 'main__inst1__20220102-03040-5012345678__GX.pb.gz', 'timestamp-format'],
    ['NAM-05 letters', 'main__inst1__2022010a-030405-012345678__GX.pb.gz', 'timestamp-value'],
    ['NAM-05 day 32', 'main__inst1__20220132-030405-012345678__GX.pb.gz', 'timestamp-value'],
    ['NAM-05 day 0', 'main__inst1__20220100-030405-012345678__GX.pb.gz', 'timestamp-value'],
    ['NAM-05 month 13', 'main__inst1__20221301-030405-012345678__GX.pb.gz', 'timestamp-value'],
    ['NAM-05 29 Feb 2023', 'main__inst1__20230229-030405-012345678__GX.pb.gz', 'timestamp-value'],
    ['NAM-05 hour 24', 'main__inst1__20220102-240405-012345678__GX.pb.gz', 'timestamp-value'],
    ['NAM-05 second 60', 'main__inst1__20220102-030460-012345678__GX.pb.gz', 'timestamp-value'],
    ['NAM-05 _ for -', 'main__inst1__20220102_030405-012345678__GX.pb.gz', 'timestamp-value'],
    ['NAM-05 29 Feb 2024', 'main__inst1__20240229-030405-012345678__GX.pb.gz', 'accepted'],
    ['NAM-05 year 0', 'main__inst1__00000101-000000-000000000__GX.pb.gz', 'accepted'],
    ['NAM-05 year 9999', 'main__inst1__99991231-235959-999999999__GX.pb.gz', 'accepted'],
    ['NAM-06', `____${TS}__.pb.gz`, 'accepted'],
    ['NAM-07 dot in the database', `ma.in__inst1__${TS}__GX.pb.gz`, 'unknown-extension'],
    ['NAM-07 __ in the database', `ma__in__inst1__${TS}__GX.pb.gz`, 'timestamp-format'],
    ['NAM-12', 'main__inst1__100000102-030405-012345678__GX.pb.gz', 'timestamp-format'],
    ['NAM-14', `any-database__inst1__${TS}__GX.pb.gz`, 'accepted'],
    ['a delta without its F', `main__inst1__${TS}__GX.delta.pb.gz`, 'previous-timestamp'],
    ['a delta with a bad F', `main__inst1__${TS}__GX__F2022.delta.pb.gz`, 'previous-timestamp'],
    ['a delta with two F', `main__inst1__${TS}__GX__F${TS}__F${TS}.delta.pb.gz`, 'previous-timestamp'],
  ])('%s', (_, name, reason) => {
    expect(reasonOf(name)).toBe(reason);
  });

  it.each([
    ['NAM-03', `a__b__${TS}__GX__X123__Y456.pb.gz`, ['X123', 'Y456'], 'GX'],
    [
      'NAM-03 unsorted, duplicate, empty',
      `a__b__${TS}__GX__Y456__X1__X1____.pb.gz`,
      ['Y456', 'X1', 'X1', '', ''],
      'GX',
    ],
    ['NAM-08 extra _X', `a__b__${TS}__G___X.pb.gz`, ['_X'], 'G'],
    ['NAM-08 generation _G', `a__b__${TS}___G.pb.gz`, [], '_G'],
  ])('%s: kept verbatim', (_, full, extras, generationId) => {
    const name = parseSnapshotName(full);
    expect(name.extras.map(({ type, value }) => type + value)).toEqual(extras);
    expect(name.generationId).toBe(generationId);
    expect(buildSnapshotName(name)).toBe(full);
  });

  it('a full snapshot of a reader of deltas carries D1', () => {
    const parts = { databaseName: 'main', instanceId: 'i', timestampNano: NANO, generationId: 'GX' } as const;
    const full = buildSnapshotName({ ...parts, kind: 'snapshot', readsDeltas: true });
    expect(full).toBe(`main__i__${TS}__GX__D1.pb.gz`);
    expect(parseSnapshotName(full)).toMatchObject({ kind: 'snapshot', readsDeltas: true });
    expect(parseSnapshotName(`main__i__${TS}__GX__D2.pb.gz`).readsDeltas).toBe(false);
  });

  it('a delta names the object before it; extras are sorted', () => {
    const full = buildSnapshotName({
      databaseName: 'main',
      instanceId: 'i',
      timestampNano: NANO,
      generationId: 'GX',
      kind: 'delta',
      previousTimestampNano: toTimestampNano(NANO - 1n),
      readsDeltas: true,
      extras: [{ type: 'E', value: 'x' }],
    });
    expect(full).toBe(`main__i__${TS}__GX__D1__Ex__F20220102-030405-012345677.delta.pb.gz`);
    expect(parseSnapshotName(full)).toMatchObject({ kind: 'delta', previousTimestampNano: NANO - 1n });
  });

  it('a full snapshot with F says that nothing of its own changed since', () => {
    const parts = { databaseName: 'main', instanceId: 'i', timestampNano: NANO, generationId: 'GX' } as const;
    const previousTimestampNano = toTimestampNano(NANO - 1n);
    const full = buildSnapshotName({ ...parts, kind: 'snapshot', readsDeltas: true, previousTimestampNano });
    expect(full).toBe(`main__i__${TS}__GX__D1__F20220102-030405-012345677.pb.gz`);
    expect(parseSnapshotName(full)).toMatchObject({ kind: 'snapshot', readsDeltas: true, previousTimestampNano });
  });

  it.each(['F2022', `F${TS}__F${TS}`, 'F'])(
    'an F that is no single time promises nothing on a full snapshot: %s',
    (extra) => {
      const full = `main__i__${TS}__GX__${extra}.pb.gz`;
      expect(parseSnapshotName(full).previousTimestampNano).toBeUndefined();
      expect(buildSnapshotName(parseSnapshotName(full))).toBe(full);
    },
  );

  it('a compacted delta carries its level; what is none counts as 0', () => {
    const full = buildSnapshotName({
      databaseName: 'main',
      instanceId: 'i',
      timestampNano: NANO,
      generationId: 'GX',
      kind: 'delta',
      previousTimestampNano: NANO,
      level: 2,
    });
    expect(full).toBe(`main__i__${TS}__GX__F${TS}__L2.delta.pb.gz`);
    expect(parseSnapshotName(full).level).toBe(2);
    expect(buildSnapshotName(parseSnapshotName(full))).toBe(full);
    for (const odd of ['L', 'L0', 'L02', 'L100', 'Lx', 'L-1']) {
      expect(parseSnapshotName(full.replace('L2', odd)).level).toBe(0);
    }
    expect(parseSnapshotName(`main__i__${TS}__GX__L2.pb.gz`).level).toBe(0);
  });

  it.each([
    ['a dot', { databaseName: 'ma.in' }],
    ['a separator', { databaseName: 'ma__in' }],
    ['a separator across parts', { databaseName: 'main_' }],
    ['a delta without F', { kind: 'delta' as const }],
    ['a level on a snapshot', { level: 1 }],
    ['a level of three digits', { kind: 'delta' as const, previousTimestampNano: NANO, level: 100 }],
    ['NAM-12: year 10000', { timestampNano: toTimestampNano(253402300800n * 1_000_000_000n) }],
    ['a year before 0', { timestampNano: toTimestampNano(-(10n ** 20n)) }],
  ])('is not built from parts that would not parse back: %s', (_, parts) => {
    const good = { databaseName: 'main', instanceId: 'i', timestampNano: NANO, generationId: 'GX' } as const;
    expect(() => buildSnapshotName({ ...good, kind: 'snapshot', ...parts })).toThrow(RangeError);
  });

  it.each([
    ['main__inst1', 'no extension'],
    ['main__inst1.tar.gz', 'unknown extension tar.gz'],
    ['main__inst1.pb.gz', '2 parts'],
    ['main__inst1__yesterday__GX.pb.gz', 'yesterday is not a timestamp'],
    ['main__inst1__20221301-030405-012345678__GX.pb.gz', '20221301-030405-012345678 is no point in time'],
    [`main__inst1__${TS}__GX.delta.pb.gz`, 'extra F'],
  ])('a refusal tells the name and what is wrong with it: %s', (name, detail) => {
    expect(() => parseSnapshotName(name)).toThrow(JSON.stringify(name));
    expect(() => parseSnapshotName(name)).toThrow(detail);
  });

  it('a name that begins with its dot has an extension, and too few parts', () => {
    expect(reasonOf('.pb.gz')).toBe('too-few-parts');
  });

  it('a text that may be anything is a name or undefined', () => {
    expect(snapshotNameOf(EXAMPLE)).toEqual(parseSnapshotName(EXAMPLE));
    for (const text of ['', 'x', '../../etc/passwd', `${EXAMPLE}.tmp`]) expect(snapshotNameOf(text)).toBeUndefined();
  });

  it('only D1 says that deltas are read, only two digits are a level', () => {
    expect(parseSnapshotName(`main__i__${TS}__GX__X1.pb.gz`).readsDeltas).toBe(false);
    const level = (text: string): number => parseSnapshotName(`main__i__${TS}__GX__F${TS}__${text}.delta.pb.gz`).level;
    expect([level('L12'), level('L9'), level('L1x'), level('M2')]).toEqual([12, 9, 0, 0]);
  });

  it('an extra is added between others where the order wants it', () => {
    const full = buildSnapshotName({
      databaseName: 'main',
      instanceId: 'i',
      timestampNano: NANO,
      generationId: 'GX',
      kind: 'snapshot',
      previousTimestampNano: NANO,
      extras: [
        { type: 'A', value: '1' },
        { type: 'Z', value: '2' },
      ],
    });
    expect(full).toBe(`main__i__${TS}__GX__A1__F${TS}__Z2.pb.gz`);
  });

  it.each([
    [
      'an F among the extras that is another',
      { extras: [{ type: 'F', value: '20220102-030405-012345677' }], previousTimestampNano: NANO },
    ],
    ['a separator in an extra', { extras: [{ type: 'X', value: 'a__b' }] }],
    ['a dot in an extra', { extras: [{ type: 'X', value: 'a.b' }] }],
    ['a generation that runs into an extra', { generationId: 'G_', extras: [{ type: 'X', value: '1' }] }],
  ])('is not built from parts that would read back as others: %s', (_, parts) => {
    const good = { databaseName: 'main', instanceId: 'i', timestampNano: NANO, generationId: 'GX' } as const;
    const build = (): string => buildSnapshotName({ ...good, kind: 'snapshot', ...parts });
    expect(build).toThrow(RangeError);
    expect(build).toThrow(`main__i__${TS}__G`);
  });

  it('NAM-09: build after parse gives the identical name', () => {
    const part = fc.string({ unit: fc.constantFrom('a', 'Z', '0', '-', '_', 'é'), maxLength: 5 });
    const timestamp = fc.bigInt(-62167219200n * 10n ** 9n, 253402300800n * 10n ** 9n - 1n);
    let accepted = 0;
    fc.assert(
      fc.property(part, part, timestamp, part, fc.array(part, { maxLength: 3 }), (db, id, nano, generation, extras) => {
        const text = formatNameTimestamp(toTimestampNano(nano));
        const full = `${[db, id, text, generation, ...extras].join('__')}.pb.gz`;
        if (reasonOf(full) !== 'accepted') return;
        accepted++;
        expect(buildSnapshotName(parseSnapshotName(full))).toBe(full);
      }),
    );
    expect(accepted).toBeGreaterThan(10);
  });

  it('every golden name parses and builds back', () => {
    for (const { name } of goldenObjects()) expect(buildSnapshotName(parseSnapshotName(name))).toBe(name);
  });

  it('NAM-11: short hash', () => {
    expect(shortHash(parseSnapshotName(EXAMPLE))).toBe('b89bf33');
  });

  it('NAM-13: instance ids', () => {
    expect(['a.b', 'a_b', 'a b', 'a-b'].map(toInstanceId)).toEqual(['a-b', 'a-b', 'a-b', 'a-b']);
    expect(toInstanceId('Ünï😀9')).toBe('-n--9');
    expect(toInstanceId('')).toBe('');
  });
});

describe('timestamps', () => {
  it('name timestamps round-trip over all years that parse', () => {
    fc.assert(
      fc.property(fc.bigInt(-62167219200n * 10n ** 9n, 253402300800n * 10n ** 9n - 1n), (nano) => {
        expect(parseNameTimestamp(formatNameTimestamp(toTimestampNano(nano)))).toBe(nano);
      }),
    );
  });

  it('halves round-trip over all of u64, and nothing else has halves', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << 64n) - 1n), (nano) => {
        const timestamp = toTimestampNano(nano);
        expect(timestampFromParts(timestampHi(timestamp), timestampLo(timestamp))).toBe(nano);
      }),
    );
    expect(() => timestampHi(toTimestampNano(-1n))).toThrow(RangeError);
    expect(() => timestampLo(toTimestampNano(1n << 64n))).toThrow(RangeError);
  });

  it('milliseconds keep their fraction', () => {
    expect(timestampFromMilli(1_700_000_000_123)).toBe(1_700_000_000_123_000_000n);
    expect(timestampFromMilli(1_700_000_000_123.5)).toBe(1_700_000_000_123_500_000n);
  });
});
