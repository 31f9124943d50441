/** Bytes of `value` as a varint; `value` is a whole number from 0 to 2^53 - 1. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  let size = 4;
  for (let rest = Math.floor(value / 0x1000_0000); rest > 0; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Writes `value` (0 to 2^53 - 1) and returns the offset behind it. */
export function writeVarint(target: Buffer, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest > 0x7fff_ffff) {
    target[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

/** Why a varint could not be read: its bytes go on behind the limit, or it does not fit 64 bits. */
export const VARINT_INCOMPLETE = -1;
export const VARINT_OVERFLOW = -2;

const TWO_32 = 0x1_0000_0000;

/** Reads varints of up to 64 bits into two unsigned halves; one object per parser, so that nothing is allocated. */
export class VarintReader {
  lo = 0;
  hi = 0;

  /** Reads at `offset`, below `limit`: returns the offset behind it, VARINT_INCOMPLETE or VARINT_OVERFLOW. */
  read(buffer: Buffer, offset: number, limit: number): number {
    let lo = 0;
    let hi = 0;
    for (let index = 0; index < 10; index++) {
      const at = offset + index;
      if (at >= limit) return VARINT_INCOMPLETE;
      const byte = buffer[at]!;
      const bits = byte & 0x7f;
      if (index < 4) lo |= bits << (7 * index);
      else if (index === 4) {
        lo |= bits << 28;
        hi = bits >>> 4;
      } else if (index < 9) hi |= bits << (7 * index - 32);
      else if (byte > 1) return VARINT_OVERFLOW;
      else hi |= bits << 31;
      if (byte < 0x80) {
        this.lo = lo >>> 0;
        this.hi = hi >>> 0;
        return at + 1;
      }
    }
    return VARINT_OVERFLOW;
  }

  /** The value as a number; exact up to 2^53, beyond that only good for comparing with limits. */
  toNumber(): number {
    return this.hi * TWO_32 + this.lo;
  }

  toBigInt(): bigint {
    return (BigInt(this.hi) << 32n) | BigInt(this.lo);
  }
}
