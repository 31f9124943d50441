import { formatRfc3339Nano } from './time-text.ts';

/** Shorter than this, text alone says too little. */
const HEX_UP_TO_BYTES = 8;
const TIMESTAMP_BYTES = 8;
/** Eight bytes are taken for a time in nanoseconds when it lies after 2022 began and at most 30 days ahead. */
const OLDEST_NANO = BigInt(Date.UTC(2022, 0, 1)) * 1_000_000n;
const AHEAD_MS = 30 * 24 * 3_600_000;

/**
 * Bytes for a person: text with a `.` for what is no printable ASCII, then, where the text alone would not tell, the
 * bytes in hex, and the time in front of a value that begins with one (docs/reference-behaviour.md, "Command line").
 */
export function displayAscii(bytes: Buffer, nowMs: number): string {
  let printable = true;
  const shown = Buffer.allocUnsafe(bytes.length);
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    const safe = byte >= 0x20 && byte <= 0x7e;
    shown[at] = safe ? byte : 0x2e;
    printable &&= safe;
  }
  const text = shown.toString('latin1');
  const time = leadingTime(bytes, nowMs);
  if (printable && bytes.length > HEX_UP_TO_BYTES && time === undefined) return text;
  const hex = spacedHex(bytes);
  return time === undefined ? `${text} [${hex}]` : `${text} [${hex}] (${time})`;
}

function leadingTime(bytes: Buffer, nowMs: number): string | undefined {
  if (bytes.length < TIMESTAMP_BYTES) return undefined;
  const nano = bytes.readBigInt64BE(0);
  if (nano <= OLDEST_NANO || nano >= BigInt(Math.floor(nowMs + AHEAD_MS)) * 1_000_000n) return undefined;
  return formatRfc3339Nano(nano);
}

const DIGITS = Buffer.from('0123456789abcdef');
const SPACE = 0x20;

/** `0a ff`. By hand: a dump of a million entries spends most of its time here, and splitting the text of `hex` takes eight times as long. */
function spacedHex(bytes: Buffer): string {
  const text = Buffer.allocUnsafe(bytes.length * 3);
  let at = 0;
  for (const byte of bytes) {
    text[at++] = DIGITS[byte >> 4]!;
    text[at++] = DIGITS[byte & 15]!;
    text[at++] = SPACE;
  }
  return text.toString('latin1', 0, Math.max(0, at - 1));
}
