/**
 * LMDB's persistent DBI flags as text. The bits are those of `lmdb.h`; the text forms are the reference's, used in the
 * configuration (`override_create_flags`) and in `snapshots dump`.
 */

export const DBI_FLAG_BITS = {
  MDB_REVERSEKEY: 0x02,
  MDB_DUPSORT: 0x04,
  MDB_INTEGERKEY: 0x08,
  MDB_DUPFIXED: 0x10,
  MDB_INTEGERDUP: 0x20,
  MDB_REVERSEDUP: 0x40,
} as const;

/** Every bit that survives in a data file; `MDB_CREATE` is not one of them. */
export const PERSISTENT_DBI_FLAGS = 0x7e;

/**
 * Names with or without `MDB_`, in any case, and numbers (decimal or `0x` hex), separated by `|`, `,`, `+` or space.
 * Nothing means 0.
 * @throws RangeError that names the part which is no persistent flag
 */
export function parseDbiFlags(text: string): number {
  let flags = 0;
  for (const part of text.toUpperCase().split(/[|,+\s]+/)) {
    if (part !== '') flags |= parsePart(part);
  }
  return flags;
}

function parsePart(part: string): number {
  const name = part.startsWith('MDB_') ? part : `MDB_${part}`;
  if (Object.hasOwn(DBI_FLAG_BITS, name)) return DBI_FLAG_BITS[name as keyof typeof DBI_FLAG_BITS];
  const value = /^(?:\d+|0X[0-9A-F]+)$/.test(part) ? Number(part) : Number.NaN;
  if (Number.isSafeInteger(value) && value <= 0xffff && (value & ~PERSISTENT_DBI_FLAGS) === 0) return value;
  throw new RangeError(
    `${part} is not a persistent DBI flag; there are ${Object.keys(DBI_FLAG_BITS).join(', ')} (or their numbers)`,
  );
}

/** `MDB_DUPSORT|MDB_DUPFIXED`, bits upwards; unknown bits as `UNKNOWN:0x1000`; 0 is the empty text. */
export function formatDbiFlags(flags: number): string {
  const names = Object.entries(DBI_FLAG_BITS)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name);
  const unknown = flags & ~PERSISTENT_DBI_FLAGS;
  if (unknown !== 0) names.push(`UNKNOWN:0x${(unknown >>> 0).toString(16)}`);
  return names.join('|');
}
