import { describe, expect, it } from 'vitest';
import { ENTRY_DELETED, Entry, HeaderError, HeaderWriter, readStored, takeStored } from '../../src/merge/index.ts';

const bytes = Buffer.from('..key...value..');

function filled(): Entry {
  const entry = new Entry();
  entry.setKey(bytes, 2, 5);
  entry.setTime(7, 9);
  entry.setValue(bytes, 8, 13);
  return entry;
}

describe('an entry', () => {
  it('is empty and alive at first', () => {
    const entry = new Entry();
    expect([entry.key().length, entry.value().length, entry.deleted, entry.flags]).toEqual([0, 0, false, 0]);
    expect([entry.timestampHi, entry.timestampLo]).toEqual([0, 0]);
  });

  it('shows the bytes that it was given, and does not copy them', () => {
    const entry = filled();
    expect([String(entry.key()), String(entry.value())]).toEqual(['key', 'value']);
    expect([entry.key().buffer, entry.value().buffer]).toEqual([bytes.buffer, bytes.buffer]);
    expect([entry.timestampHi, entry.timestampLo, entry.flags]).toEqual([7, 9, 0]);
  });

  it('that is deleted has no value, and its flag; a value makes it live again', () => {
    const entry = filled();
    entry.setDeleted();
    expect([entry.deleted, entry.flags, entry.valueStart, entry.valueEnd]).toEqual([true, ENTRY_DELETED, 0, 0]);
    expect([entry.value().length, entry.valueBuffer.length, String(entry.key())]).toEqual([0, 0, 'key']);
    entry.setValue(bytes, 8, 13);
    expect([entry.deleted, entry.flags, String(entry.value())]).toEqual([false, 0, 'value']);
  });

  it.each([false, true])('copies another one, deleted %s', (deleted) => {
    const other = filled();
    if (deleted) other.setDeleted();
    const entry = new Entry();
    entry.setDeleted();
    entry.copyFrom(other);
    expect({ ...entry }).toEqual({ ...other });
    expect([String(entry.key()), entry.flags]).toEqual(['key', other.flags]);
  });
});

/** A stored value in the middle of a page. */
function stored(flags: number, value: string, extraBlocks = 0): { page: Buffer; start: number; end: number } {
  const header = Buffer.from(new HeaderWriter(1, extraBlocks).set(0x8000_0001, 0xffff_fffe, flags));
  const whole = Buffer.concat([header, Buffer.from(value)]);
  return {
    page: Buffer.concat([Buffer.alloc(5, 0xee), whole, Buffer.alloc(3, 0xee)]),
    start: 5,
    end: 5 + whole.length,
  };
}

describe('a stored value taken apart', () => {
  it.each([0, 1])('time, flag and value go into the entry, its key stays (%i extra blocks)', (extraBlocks) => {
    const { page, start, end } = stored(0, 'value', extraBlocks);
    const entry = filled();
    entry.setDeleted();
    expect(readStored(entry, page, start, end)).toBe(true);
    expect([entry.timestampHi, entry.timestampLo, entry.deleted]).toEqual([0x8000_0001, 0xffff_fffe, false]);
    expect([String(entry.key()), String(entry.value())]).toEqual(['key', 'value']);
    expect(entry.valueBuffer).toBe(page);
    expect([entry.valueStart, entry.valueEnd]).toEqual([end - 5, end]);
  });

  it('what a foreign writer left behind a deletion mark is not a value', () => {
    const { page, start, end } = stored(ENTRY_DELETED, 'left behind');
    const entry = filled();
    expect(readStored(entry, page, start, end)).toBe(true);
    expect([entry.deleted, entry.valueStart, entry.valueEnd]).toEqual([true, end, end]);
  });

  it('without a valid header nothing is changed', () => {
    const { page, start } = stored(0, '');
    const entry = filled();
    expect(readStored(entry, page, start, start + 23)).toBe(false);
    expect({ ...entry }).toEqual({ ...filled() });
  });

  it('takeStored does the same, and says what is wrong, of which DBI and key', () => {
    const { page, start, end } = stored(0, 'value');
    const entry = filled();
    takeStored(entry, 'zones', page, start, end);
    expect(String(entry.value())).toBe('value');
    const take = (): void => takeStored(entry, 'zones', page, start, start + 23);
    expect(take).toThrow(HeaderError);
    expect(take).toThrow('invalid entry (DBI zones, key 6b6579): value too short to contain a header (23 bytes)');
    expect(take).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('schema_tracks_changes: true is only for') }),
    );
  });
});
