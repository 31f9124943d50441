import { describe, expect, it } from 'vitest';
import { Entry, HeaderWriter } from '../../src/merge/index.ts';
import { SidecarEntry, StoredForm } from '../../src/shadow/store/index.ts';

function recordOf(value: Buffer): Buffer {
  const entry = new Entry();
  entry.setValue(value, 0, value.length);
  const form = new StoredForm();
  form.set(entry, false);
  const header = Buffer.from(new HeaderWriter(7).set(0, 1, 0));
  form.mark(header);
  return Buffer.concat([header, form.buffer.subarray(form.start, form.end)]);
}

function readFrom(record: Buffer): SidecarEntry {
  const entry = new SidecarEntry();
  entry.takeRecord('d', record, 0, record.length);
  return entry;
}

describe('a record of a sidecar', () => {
  it.each([17, 45, 255, 256, 70_000])('says how long a value of %i bytes is, and has a digest of it', (length) => {
    const value = Buffer.alloc(length, 'v');
    const entry = readFrom(recordOf(value));
    expect(entry.isDigest).toBe(true);
    expect(entry.valueLength).toBe(length);
    expect(entry.hasValue(value, 0, length)).toBe(true);
    const other = Buffer.from(value);
    other[length - 1] = 0;
    expect(entry.hasValue(other, 0, length)).toBe(false);
    expect(entry.hasValue(value, 0, length - 1)).toBe(false);
  });

  it('does not say how long a value of 16 MiB or more is, and knows it all the same', () => {
    const value = Buffer.alloc(2 ** 24, 'v');
    const entry = readFrom(recordOf(value));
    expect(entry.valueLength).toBe(0);
    expect(entry.hasValue(value, 0, value.length)).toBe(true);
    expect(entry.hasValue(value, 0, value.length - 1)).toBe(false);
  });

  it('has a short value as it is, and forgets the length of the one before', () => {
    const record = recordOf(Buffer.from('short'));
    const entry = readFrom(recordOf(Buffer.alloc(45)));
    entry.takeRecord('d', record, 0, record.length);
    expect([entry.isDigest, entry.valueLength, entry.value().toString()]).toEqual([false, 0, 'short']);
  });
});
