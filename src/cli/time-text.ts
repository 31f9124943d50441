import { formatGoDuration } from '../config/index.ts';

/** Times as the reference's dumps print them, so that what reads those reads ours. Nanoseconds since 1970, signed. */

const NANO_PER_SECOND = 1_000_000_000n;
/** The longest and shortest duration of Go, an int64 of nanoseconds. */
const MAX_NANO = (1n << 63n) - 1n;
const LONGEST = '2562047h47m16.854775807s';

/** `2026-11-23T12:00:00.5Z`. */
export function formatRfc3339Nano(nano: bigint): string {
  const { seconds, fraction } = split(nano);
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}${fraction}Z`;
}

/** `2026-11-23 13:00:00.5 +0100 CET`, in the time zone of the process (`TZ`). */
export function formatLocalTime(nano: bigint): string {
  const { seconds, fraction } = split(nano);
  const date = new Date(seconds * 1000);
  const offsetMinutes = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + offsetMinutes * 60_000).toISOString();
  const offset = formatOffset(offsetMinutes);
  return `${local.slice(0, 10)} ${local.slice(11, 19)}${fraction} ${offset} ${zoneName(date, offset)}`;
}

/** How long ago a time was, in whole seconds: `26h3m10s`; negative when it is still to come. */
export function formatAge(nano: bigint, nowMs: number): string {
  const age = BigInt(Math.floor(nowMs)) * 1_000_000n - nano;
  if (age > MAX_NANO) return LONGEST;
  if (age < -MAX_NANO) return `-${LONGEST}`;
  const size = age < 0n ? -age : age;
  const seconds = (size + NANO_PER_SECOND / 2n) / NANO_PER_SECOND;
  return formatGoDuration(Number(age < 0n ? -seconds : seconds) * 1000);
}

function split(nano: bigint): { seconds: number; fraction: string } {
  const rest = ((nano % NANO_PER_SECOND) + NANO_PER_SECOND) % NANO_PER_SECOND;
  const digits = rest.toString().padStart(9, '0').replace(/0+$/, '');
  return { seconds: Number((nano - rest) / NANO_PER_SECOND), fraction: digits === '' ? '' : `.${digits}` };
}

function formatOffset(minutes: number): string {
  const size = Math.abs(minutes);
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return `${minutes < 0 ? '-' : '+'}${two(size / 60)}${two(size % 60)}`;
}

/** No locale of Intl knows the abbreviations of all the world; together these know most. */
const FORMATS = ['en-US', 'en-GB', 'en-AU'].map(
  (locale) => new Intl.DateTimeFormat(locale, { timeZoneName: 'short', year: 'numeric' }),
);

const names = new Map<string, string>();

/** Intl is slow, and a dump has millions of times: a name is looked up once for each offset from UTC. */
function zoneName(date: Date, offset: string): string {
  let name = names.get(offset);
  if (name === undefined) {
    name = lookUpZoneName(date, offset);
    names.set(offset, name);
  }
  return name;
}

/** `CET`; for a zone without a name of letters its offset, `+03`, as in the time zone database. */
function lookUpZoneName(date: Date, offset: string): string {
  for (const format of FORMATS) {
    const name = format.formatToParts(date).find(({ type }) => type === 'timeZoneName')?.value;
    if (name !== undefined && /^[A-Z]{2,5}$/.test(name)) return name;
  }
  return offset.replace(/00$/, '');
}
