/** Sizes as the reference reads them: whole numbers with a unit, `1GB`, `64 mb`, `10485760`; powers of 1024. */

const UNITS = [
  ['b', 'byte'],
  ['k', 'kb', 'kilo', 'kilobyte', 'kilobytes'],
  ['m', 'mb', 'mega', 'megabyte', 'megabytes'],
  ['g', 'gb', 'giga', 'gigabyte', 'gigabytes'],
  ['t', 'tb', 'tera', 'terabyte', 'terabytes'],
  ['p', 'pb', 'peta', 'petabyte', 'petabytes'],
  ['e', 'eb', 'exa', 'exabyte', 'exabytes'],
] as const;

/**
 * @returns bytes
 * @throws RangeError with a message for the operator
 */
export function parseByteSize(text: string): number {
  const match = /^(\d+)\s*([A-Za-z]*)$/.exec(text.trim());
  if (match === null) throw new RangeError(`"${text}" is not a size such as 512MB or 10GB (whole numbers only)`);
  const [, digits = '', unit = ''] = match;
  // `Mb` is a megabit. The reference refuses it, and so a file that works in both cannot mean two things.
  if (/^[KMGTPE]b$/.test(unit)) throw new RangeError(`"${text}" is in bits; write ${unit.toUpperCase()} for bytes`);
  const power = unit === '' ? 0 : UNITS.findIndex((names) => (names as readonly string[]).includes(unit.toLowerCase()));
  if (power < 0) throw new RangeError(`"${text}": unknown unit "${unit}", use B, KB, MB, GB or TB (powers of 1024)`);
  const sizeBytes = Number(digits) * 1024 ** power;
  if (!Number.isSafeInteger(sizeBytes)) throw new RangeError(`"${text}" is larger than 8 PB`);
  return sizeBytes;
}

/** The shortest text that reads back as the same number: the largest unit that divides it. */
export function formatByteSize(sizeBytes: number): string {
  let power = 0;
  let rest = sizeBytes;
  while (rest > 0 && rest % 1024 === 0 && power < UNITS.length - 1) {
    rest /= 1024;
    power++;
  }
  return `${rest}${(UNITS[power]![1] as string).slice(0, 2).toUpperCase().replace('BY', 'B')}`;
}
