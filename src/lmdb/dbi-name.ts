import { isUtf8 } from 'node:buffer';
import { MAX_KEY_SIZE } from './constants.ts';

/**
 * Names of DBIs are bytes, as all keys are; nearly always they are UTF-8. In this program a name is a string: its text where
 * it is UTF-8, and each byte that is not part of valid UTF-8 as one lone surrogate, U+DC80 to U+DCFF for 0x80 to 0xFF
 * (Python's `surrogateescape`, PEP 383). Two names are equal exactly when their bytes are, so strings can be compared, kept in
 * maps and given a prefix; but only the functions here turn a name into bytes, and bytes into a name.
 */
const ESCAPE = 0xdc00;
const ESCAPED = /[\udc80-\udcff]/gu;
const LONE_SURROGATE = /[\ud800-\udfff]/u;

/** The name whose bytes are `buffer[start, end)`. */
export function dbiNameOf(buffer: Buffer, start = 0, end: number = buffer.length): string {
  const bytes = buffer.subarray(start, end);
  if (isUtf8(bytes)) return bytes.toString('utf8');
  let name = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes[at]!);
    const sequence = bytes.subarray(at, at + length);
    const isValid = length > 0 && sequence.length === length && isUtf8(sequence);
    name += isValid ? sequence.toString('utf8') : String.fromCharCode(ESCAPE + bytes[at]!);
    at += isValid ? length : 1;
  }
  return name;
}

/** The bytes of a name, in memory of their own. */
export function dbiNameBytes(name: string): Buffer {
  if (!LONE_SURROGATE.test(name)) return Buffer.from(name, 'utf8');
  return Buffer.concat([...name].map((character) => characterBytes(character)));
}

/** For people: bytes that are not UTF-8 as `\xff`. */
export function showDbiName(name: string): string {
  return name.replace(ESCAPED, (byte) => `\\x${(byte.charCodeAt(0) - ESCAPE).toString(16)}`);
}

/** Whether a DBI can have this name: not empty, without NUL (liblmdb takes C strings), and not longer than a key. */
export function isDbiName(name: string): boolean {
  return name !== '' && !name.includes('\0') && dbiNameBytes(name).length <= MAX_KEY_SIZE;
}

/** Negative, zero or positive, as LMDB orders the names. */
export function compareDbiNames(a: string, b: string): number {
  return Buffer.compare(dbiNameBytes(a), dbiNameBytes(b));
}

/** Bytes of a UTF-8 sequence, by its first one; 0: none begins so. */
function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}

function characterBytes(character: string): Buffer {
  const code = character.codePointAt(0)!;
  return code >= 0xdc80 && code <= 0xdcff ? Buffer.of(code - ESCAPE) : Buffer.from(character, 'utf8');
}
