declare const timestampNanoBrand: unique symbol;

/**
 * Nanoseconds since 1970-01-01 UTC. Entries carry it as an unsigned 64-bit number; a timestamp read from an object
 * name may also lie outside that range (years 0000 to 9999 parse, NAM-05).
 */
export type TimestampNano = bigint & { readonly [timestampNanoBrand]: true };

const NANO_PER_MILLI = 1_000_000n;
const NANO_PER_SECOND = 1_000_000_000n;
const MAX_U64 = (1n << 64n) - 1n;
const NAME_LENGTH = 25;

export function toTimestampNano(nano: bigint): TimestampNano {
  return nano as TimestampNano;
}

/** From a clock such as `Date.now()`; the fraction of a millisecond is kept as far as a double holds it. */
export function timestampFromMilli(milli: number): TimestampNano {
  const whole = Math.floor(milli);
  return (BigInt(whole) * NANO_PER_MILLI + BigInt(Math.floor((milli - whole) * 1e6))) as TimestampNano;
}

/** Joins the two unsigned 32-bit halves in which entries carry a timestamp without allocating. */
export function timestampFromParts(hi: number, lo: number): TimestampNano {
  return ((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)) as TimestampNano;
}

/** The upper unsigned 32 bits. @throws RangeError outside of unsigned 64 bits. */
export function timestampHi(timestamp: TimestampNano): number {
  return Number(assertU64(timestamp) >> 32n);
}

/** The lower unsigned 32 bits. @throws RangeError outside of unsigned 64 bits. */
export function timestampLo(timestamp: TimestampNano): number {
  return Number(assertU64(timestamp) & 0xffff_ffffn);
}

function assertU64(timestamp: bigint): bigint {
  if (timestamp < 0n || timestamp > MAX_U64) throw new RangeError(`timestamp ${timestamp} ns is not unsigned 64 bit`);
  return timestamp;
}

/**
 * `YYYYMMDD-HHMMSS-nnnnnnnnn` in UTC, the timestamp of an object name.
 * @throws RangeError outside of years 0 to 9999: such a name would not parse again (NAM-12).
 */
export function formatNameTimestamp(timestamp: TimestampNano): string {
  const nano = ((timestamp % NANO_PER_SECOND) + NANO_PER_SECOND) % NANO_PER_SECOND;
  const date = new Date(Number((timestamp - nano) / NANO_PER_MILLI));
  const year = date.getUTCFullYear();
  if (!(year >= 0 && year <= 9999)) throw new RangeError(`timestamp ${timestamp} ns is outside of years 0 to 9999`);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${String(year).padStart(4, '0')}${two(date.getUTCMonth() + 1)}${two(date.getUTCDate())}`;
  const time = `${two(date.getUTCHours())}${two(date.getUTCMinutes())}${two(date.getUTCSeconds())}`;
  return `${day}-${time}-${String(nano).padStart(9, '0')}`;
}

/** The shape alone (NAM-04), told apart from a wrong value because the reference reports them apart. */
export function hasNameTimestampShape(text: string): boolean {
  return text.length === NAME_LENGTH && text[15] === '-';
}

/** Strict inverse of {@link formatNameTimestamp} (NAM-05): no 30 February, no hour 24, no second 60. */
export function parseNameTimestamp(text: string): TimestampNano | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})-(\d{2})(\d{2})(\d{2})-(\d{9})$/.exec(text);
  if (!match || text.length !== NAME_LENGTH) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const date = new Date(0);
  // Not Date.UTC, which takes the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  date.setUTCHours(hour, minute, second);
  return (BigInt(date.getTime()) * NANO_PER_MILLI + BigInt(match[7]!)) as TimestampNano;
}
