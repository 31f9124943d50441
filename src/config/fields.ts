import * as z from 'zod';
import { parseByteSize } from './byte-size.ts';
import { parseDbiFlags } from './dbi-flags.ts';
import { parseGoDuration } from './go-duration.ts';
import { treeKind, YamlScalar } from './yaml-tree.ts';

/**
 * The kinds of value the file knows, as zod schemas over a `YamlTree`. They follow the reference (yaml.v2 into Go
 * types): a key with nothing behind it is zero, empty or false, *not* the default; a section with nothing in it is its
 * defaults (better: there it is all zeros).
 */
export type Field<T> = z.ZodType<T, unknown>;

/** What a field throws; the schema turns it into an issue with the path of the key. */
class FieldProblem extends Error {}

function scalarField<T>(what: string, empty: () => T, read: (scalar: YamlScalar) => T): Field<T> {
  return z.unknown().transform((value, context): T => {
    try {
      if (value === null) return empty();
      if (!(value instanceof YamlScalar)) throw new FieldProblem(`expected ${what}, found a ${treeKind(value)}`);
      return read(value);
    } catch (error) {
      if (!(error instanceof FieldProblem) && !(error instanceof RangeError)) throw error;
      context.issues.push({ code: 'custom', message: error.message, input: undefined });
      return z.NEVER;
    }
  });
}

/** Plain scalars only: where YAML 1.1 makes a number or a boolean, quotes make a text, which is refused. */
function plainText(what: string, scalar: YamlScalar): string {
  if (!scalar.plain) throw new FieldProblem(`expected ${what}, found a quoted text`);
  return scalar.text;
}

export function text(fallback = ''): z.ZodDefault<Field<string>> {
  return scalarField(
    'a text',
    () => '',
    (scalar) => scalar.text,
  ).default(fallback);
}

/** A text that is left out of the result when it is missing or empty. */
export const optionalText: Field<string | undefined> = scalarField<string | undefined>(
  'a text',
  () => undefined,
  (scalar) => (scalar.text === '' ? undefined : scalar.text),
).optional();

/** Texts in a list. Nothing at all is an empty one. */
export const textList: Field<readonly string[]> = z
  .unknown()
  .transform((value, context): readonly string[] => {
    if (value === null) return [];
    const list = Array.isArray(value) ? value : [];
    if (Array.isArray(value) && list.every((entry) => entry instanceof YamlScalar)) return list.map(({ text }) => text);
    const message = `expected a list of texts, found a ${Array.isArray(value) ? 'list of others' : treeKind(value)}`;
    context.issues.push({ code: 'custom', message, input: undefined });
    return z.NEVER;
  })
  .default([]);

export function bool(fallback = false): z.ZodDefault<Field<boolean>> {
  return scalarField(
    'true or false',
    () => false,
    (scalar) => {
      const word = plainText('true or false', scalar);
      if (/^(?:y|Y|yes|Yes|YES|on|On|ON|true|True|TRUE)$/.test(word)) return true;
      if (/^(?:n|N|no|No|NO|off|Off|OFF|false|False|FALSE)$/.test(word)) return false;
      throw new FieldProblem(`expected true or false, found "${word}"`);
    },
  ).default(fallback);
}

/** Whole numbers of YAML 1.1: `010` is 8, also `0o10`, `0x10`, `0b11`, `1_000`, `5.0`. */
export function integer(fallback: number): z.ZodDefault<Field<number>> {
  return scalarField('a whole number', () => 0, readInteger).default(fallback);
}

function readInteger(scalar: YamlScalar): number {
  const value = yamlNumber(plainText('a whole number', scalar));
  if (!Number.isSafeInteger(value)) throw new FieldProblem(`expected a whole number, found "${scalar.text}"`);
  return value;
}

function yamlNumber(plain: string): number {
  const sign = plain.startsWith('-') ? -1 : 1;
  const body = plain.replace(/^[+-]/, '').replaceAll('_', '');
  if (/^0o?[0-7]+$/.test(body)) return sign * Number.parseInt(body.replace('o', ''), 8);
  if (/^(?:0x[0-9a-fA-F]+|0b[01]+)$/.test(body)) return sign * Number(body);
  if (/^(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(body)) return sign * Number(body);
  return /^\.(?:inf|Inf|INF)$/.test(body) ? sign * Number.POSITIVE_INFINITY : Number.NaN;
}

export function decimal(fallback: number): z.ZodDefault<Field<number>> {
  return scalarField(
    'a number',
    () => 0,
    (scalar) => {
      const value = yamlNumber(plainText('a number', scalar));
      if (Number.isNaN(value)) throw new FieldProblem(`expected a number, found "${scalar.text}"`);
      return value;
    },
  ).default(fallback);
}

/** File permissions. Octal, so without quotes: `0640` or `0o640`. */
export function fileMode(): z.ZodDefault<Field<number>> {
  return scalarField(
    'permissions such as 0640',
    () => 0,
    (scalar) => {
      if (!scalar.plain) throw new FieldProblem('expected permissions such as 0640, without quotes');
      return readInteger(scalar);
    },
  ).default(0);
}

/** Milliseconds. A bare number is nanoseconds, as in the reference. */
export function duration(fallback: string): z.ZodDefault<Field<number>> {
  return scalarField(
    'a duration such as 5s or 1h30m',
    () => 0,
    (scalar) => {
      const nano = scalar.plain ? yamlNumber(scalar.text) : Number.NaN;
      return Number.isFinite(nano) ? parseGoDuration(`${BigInt(Math.trunc(nano))}ns`) : parseGoDuration(scalar.text);
    },
  ).default(parseGoDuration(fallback));
}

/** Bytes. */
export function byteSize(fallback: string): z.ZodDefault<Field<number>> {
  return scalarField(
    'a size such as 1GB',
    () => 0,
    (scalar) => parseByteSize(scalar.text),
  ).default(parseByteSize(fallback));
}

/** LMDB's persistent flags; nothing there at all means "as it comes", which is not the same as no flag. */
export const dbiFlags: Field<number | undefined> = scalarField<number | undefined>(
  'DBI flags',
  () => undefined,
  (scalar) => parseDbiFlags(scalar.text),
).optional();

/** One of some words; `aliases` lead to the word that is meant, also from nothing at all. */
export function choice<const T extends string>(
  words: readonly T[],
  fallback: NoInfer<T>,
  aliases: Readonly<Record<string, NoInfer<T>>> = {},
): Field<T> {
  const read = (word: string): T => readChoice(words, aliases, word);
  const field = scalarField(
    'a word',
    () => read(''),
    (scalar) => read(scalar.text),
  );
  return field.default(() => fallback as z.core.util.NoUndefined<T>);
}

/** @throws RangeError that lists the words */
export function readChoice<T extends string>(
  words: readonly T[],
  aliases: Readonly<Record<string, T>>,
  word: string,
): T {
  const key = word.toLowerCase();
  const found = Object.hasOwn(aliases, key) ? aliases[key] : words.find((candidate) => candidate === key);
  if (found === undefined) throw new RangeError(`"${word}": must be one of: ${words.join(', ')}`);
  return found;
}
