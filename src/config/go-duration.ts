/**
 * Durations as Go writes them (`time.ParseDuration`, `time.Duration.String`), because the configuration file is shared
 * with the reference: `1h30m`, `1.5s`, `100ms`, `-1s`. There is no unit for days.
 */

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3, // U+00B5, micro sign
  μs: 1e-3, // U+03BC, Greek letter mu
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go keeps a duration in an int64 of nanoseconds, about 292 years; more is refused there and here. */
const MAX_MS = 9_223_372_036_854.775;

const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/**
 * Milliseconds, with a fraction where the text is finer.
 * @throws RangeError with a message for the operator
 */
export function parseGoDuration(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  const body = text.replace(/^[+-]/, '');
  if (body === '0') return 0;
  if (body === '') throw new RangeError('an empty duration');
  let totalMs = 0;
  PART.lastIndex = 0;
  while (PART.lastIndex < body.length) {
    const part = PART.exec(body);
    if (part === null) throw new RangeError(`"${text}" is not a duration such as 1h30m, 5s or 100ms`);
    totalMs += Number(part[1]) * UNIT_MS[part[2]!]!;
  }
  if (totalMs > MAX_MS) throw new RangeError(`"${text}" is longer than 292 years`);
  return totalMs === 0 ? 0 : sign * totalMs;
}

/** The text Go prints for the same duration, to the nanosecond: `0s`, `100ms`, `1.5µs`, `1h30m0.5s`. */
export function formatGoDuration(durationMs: number): string {
  const wholeMs = Math.trunc(durationMs);
  const nano = BigInt(wholeMs) * 1_000_000n + BigInt(Math.round((durationMs - wholeMs) * 1e6));
  if (nano < 0n) return `-${formatNano(-nano)}`;
  return formatNano(nano);
}

function formatNano(nano: bigint): string {
  if (nano === 0n) return '0s';
  if (nano < 1_000n) return `${nano}ns`;
  if (nano < 1_000_000n) return `${decimal(nano, 3)}µs`;
  if (nano < 1_000_000_000n) return `${decimal(nano, 6)}ms`;
  const minutes = nano / 60_000_000_000n;
  const seconds = `${decimal(nano % 60_000_000_000n, 9)}s`;
  if (minutes === 0n) return seconds;
  const hours = minutes / 60n;
  return hours === 0n ? `${minutes}m${seconds}` : `${hours}h${minutes % 60n}m${seconds}`;
}

/** `value / 10^digits` without trailing zeros. */
function decimal(value: bigint, digits: number): string {
  const scale = 10n ** BigInt(digits);
  const fraction = (value % scale).toString().padStart(digits, '0').replace(/0+$/, '');
  return fraction === '' ? `${value / scale}` : `${value / scale}.${fraction}`;
}
