import { Scalar, stringify } from 'yaml';
import { formatByteSize } from './byte-size.ts';
import { formatDbiFlags } from './dbi-flags.ts';
import { formatGoDuration } from './go-duration.ts';
import { fileKey } from './naming.ts';
import type { Config } from './types.ts';

const HIDDEN = '***';

/**
 * The effective configuration, defaults and flags included, as a file that could be loaded again; every secret is
 * hidden. (The reference hides three keys by name and prints `account_key` and `tls.key`.)
 */
export function redactConfig(config: Config): string {
  return stringifyConfig(config, hideSecret);
}

/** As `redactConfig`, with the secrets: loading the result gives the same configuration. Not for a log. */
export function formatConfig(config: Config): string {
  return stringifyConfig(config, (_key, value) => value);
}

type Filter = (key: string, value: string) => string;

function stringifyConfig(config: Config, filter: Filter): string {
  const { warnings: _warnings, ...content } = config;
  // Quoted texts: a name such as `yes` or `010` must not turn into something else on the way back.
  return stringify(plainObject(content, filter), {
    version: '1.1',
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'PLAIN',
    lineWidth: 0,
  });
}

function plainObject(object: object, filter: Filter): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(object)) {
    if (value !== undefined) result[fileKey(name)] = plainValue(name, value, filter);
  }
  return result;
}

function plainValue(name: string, value: unknown, filter: Filter): unknown {
  if (typeof value === 'string') return escapeDollars(filter(fileKey(name), value));
  if (Array.isArray(value)) return value.map((entry) => plainValue(name, entry, filter));
  if (value instanceof Map) {
    const entries = [...value].map(([key, entry]: [string, object]) => [
      escapeDollars(key),
      plainObject(withoutName(entry), filter),
    ]);
    return Object.fromEntries(entries);
  }
  if (typeof value === 'object' && value !== null) return plainObject(value, filter);
  if (typeof value !== 'number') return value;
  return plainNumber(name, value);
}

/** They would be taken for variables on the way back. */
function escapeDollars(text: string): string {
  return text.replaceAll('$', () => '$$');
}

/** The name of a database is the key of its map. */
function withoutName(entry: object): object {
  const { name: _name, ...rest } = entry as { name?: string };
  return rest;
}

function plainNumber(name: string, value: number): unknown {
  if (name.endsWith('Ms')) return formatGoDuration(value);
  if (name.endsWith('Bytes')) return formatByteSize(value);
  if (name.endsWith('Flags')) return formatDbiFlags(value);
  if (name.endsWith('Mask')) return Object.assign(new Scalar(value), { format: 'OCT' });
  return value;
}

function hideSecret(key: string, value: string): string {
  if (value === '') return value;
  if (key === 'access_key') return value.length > 8 ? value.slice(0, 4) + HIDDEN : HIDDEN;
  // The path of a webhook often is its password.
  if (key === 'url') return URL.canParse(value) ? `${new URL(value).origin}/${HIDDEN}` : HIDDEN;
  if (!key.endsWith('_file') && /secret|password|(?:^|_)key$/.test(key)) return HIDDEN;
  return key.endsWith('_url') ? hideUserInfo(value) : value;
}

/** `https://user:password@host`, and a token in the query, such as Azure's SAS. */
function hideUserInfo(url: string): string {
  return url.replace(/\/\/[^/@]*@/, `//${HIDDEN}@`).replace(/\?.*$/, `?${HIDDEN}`);
}
