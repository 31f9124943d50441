import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WritePlan } from '../../src/shadow/index.ts';
import { PlannedWrite } from '../../src/shadow/planned.ts';

interface Row {
  dbi: number;
  hi: number;
  lo: number;
  deleted: boolean;
  key: Buffer;
  value: Buffer;
  writesMain: boolean;
  old: Buffer | undefined;
}

const u32 = fc.nat(0xffff_ffff);
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
/** Some beyond the plan's window of 256 KiB. */
const value = fc.oneof(
  { weight: 20, arbitrary: bytes(60) },
  { weight: 2, arbitrary: fc.nat(300_000).map((size) => Buffer.alloc(size, size & 0xff)) },
);
const row = fc.record<Row>({
  dbi: fc.nat(3),
  hi: u32,
  lo: u32,
  deleted: fc.boolean(),
  key: bytes(511),
  value,
  writesMain: fc.boolean(),
  old: fc.option(value, { nil: undefined }),
});

function add(plan: WritePlan, { dbi, hi, lo, deleted, key, value: data, writesMain, old }: Row): void {
  // In the middle of larger buffers, as they come from pages.
  const [k, v] = [Buffer.concat([Buffer.from('<'), key, Buffer.from('>')]), Buffer.concat([Buffer.from('<<'), data])];
  const before = Buffer.concat([Buffer.from('<'), old ?? Buffer.alloc(0)]);
  const write = new PlannedWrite();
  write.dbi = dbi;
  write.setKey(k, 1, key.length + 1);
  write.setTime(hi, lo);
  write.setValue(v, 2, data.length + 2);
  write.deleted = deleted;
  write.writesMain = writesMain;
  if (old) [write.oldBuffer, write.oldStart, write.oldEnd] = [before, 1, before.length];
  plan.add(write);
  for (const bytes of [k, v, before]) bytes.fill(0xee);
}

/** One line a record: a comparison of buffers byte by byte would take longer than the work. */
function lineOf({ dbi, hi, lo, deleted, key, value: data, writesMain, old }: Row): string {
  const digest = (part: Buffer): string => `${part.length} ${createHash('md5').update(part).digest('hex')}`;
  const marks = `${deleted ? 'deleted' : digest(data)} ${writesMain} ${old ? digest(old) : 'new'}`;
  return `${dbi} ${hi} ${lo} ${key.toString('hex')} ${marks}`;
}

function read(plan: WritePlan): string[] {
  const lines: string[] = [];
  plan.replay((record) => {
    const { dbi, deleted, writesMain, oldBuffer, oldStart, oldEnd } = record;
    const [key, value] = [record.key(), record.value()];
    const old = oldStart < 0 ? undefined : oldBuffer.subarray(oldStart, oldEnd);
    if (deleted) expect(value).toHaveLength(0);
    lines.push(lineOf({ dbi, hi: record.timestampHi, lo: record.timestampLo, deleted, key, value, writesMain, old }));
  });
  return lines;
}

describe('WritePlan', () => {
  it('replays what was added, in order, in memory or from its temporary file, and again', () => {
    const property = fc.property(
      fc.array(row, { maxLength: 30 }),
      fc.constantFrom(1, 100_000, 2 ** 24),
      (rows, memory) => {
        const plan = new WritePlan(memory);
        try {
          for (const one of rows) add(plan, one);
          expect(plan.count).toBe(rows.length);
          expect(read(plan)).toEqual(rows.map(lineOf));
          expect(read(plan)).toEqual(rows.map(lineOf));
        } finally {
          plan.dispose();
        }
      },
    );
    fc.assert(property, { numRuns: 40 });
  });

  it('a reader goes back to a position that it had, for a transaction that runs again', () => {
    const property = fc.property(fc.array(row, { minLength: 2, maxLength: 20 }), fc.nat(), fc.nat(), (rows, a, b) => {
      const plan = new WritePlan(100_000);
      try {
        for (const one of rows) add(plan, one);
        const reader = plan.reader();
        const first = a % rows.length;
        for (let i = 0; i < first; i++) reader.next();
        const { position } = reader;
        for (let i = 0; i < b % (rows.length + 2); i++) reader.next();
        reader.seek(position);
        const keys: string[] = [];
        for (let record = reader.next(); record; record = reader.next()) {
          keys.push(record.key().toString('hex'));
        }
        expect(keys).toEqual(rows.slice(first).map(({ key }) => key.toString('hex')));
      } finally {
        plan.dispose();
      }
    });
    fc.assert(property, { numRuns: 40 });
  });

  it('an empty DBI to be made is something to write', () => {
    const plan = new WritePlan();
    expect(plan.isEmpty).toBe(true);
    plan.addDbi({ name: 'd', flags: 0, createsMain: true, fillsEmpty: true });
    expect([plan.isEmpty, plan.count]).toEqual([false, 0]);
    expect(read(plan)).toEqual([]);
    plan.dispose();
  });

  it('memory that is given back twice is not shared by two others', () => {
    const disposed = new WritePlan();
    disposed.dispose();
    const first = new WritePlan();
    disposed.dispose();
    const second = new WritePlan();
    const rowOf = (key: string): Row => {
      const bytesOfKey = Buffer.from(key);
      return {
        dbi: 0,
        hi: 1,
        lo: 1,
        deleted: false,
        key: bytesOfKey,
        value: bytesOfKey,
        writesMain: true,
        old: undefined,
      };
    };
    add(first, rowOf('a'));
    add(second, rowOf('b'));
    expect([read(first), read(second)]).toEqual([[lineOf(rowOf('a'))], [lineOf(rowOf('b'))]]);
    for (const plan of [first, second]) plan.dispose();
  });
});
