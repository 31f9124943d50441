import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Config, ConfigError, formatConfig, parseConfig, redactConfig } from '../../src/config/index.ts';
import { MINIMAL } from '../config/support.ts';
import { seeded } from '../support/seeded.ts';
import { edited } from './edits.ts';

/** A file that an operator, or an editor, or a template has spoilt: a configuration, or an error with file and line. */
const root = join(import.meta.dirname, '../..');
const recorded = JSON.parse(readFileSync(join(root, 'test/golden/data/config/configs.json'), 'utf8')) as object;
const CORPUS = [
  MINIMAL,
  ...readdirSync(join(root, 'examples'))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => readFileSync(join(root, 'examples', name), 'utf8')),
  ...textsIn(recorded),
  '&a [*a, *a]',
  'lmdbs: &l {main: {path: /db}}\nstorage: {type: memory}\npeers: [http://a:1]\n',
  'lmdbs: {main: {path: $HOME/db, <<: {create: yes}}}\nstorage: {type: s3, options: {bucket: b, endpoint_url: "https://u:p@h/"}}\n',
].map((text) => Buffer.from(text));

/** Every configuration in the recorded runs. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return value.includes('lmdbs:') ? [value] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

describe('a configuration', () => {
  it('of any bytes is read, or refused with its place', () => {
    const accepted: Config[] = [];
    fc.assert(
      fc.property(edited(CORPUS), (bytes) => {
        try {
          accepted.push(parseConfig(bytes.toString('utf8'), { file: 'a.yaml', env: {}, hostname: () => 'host' }));
          return true;
        } catch (error) {
          return error instanceof ConfigError && error.message.startsWith('a.yaml');
        }
      }),
      seeded(7_000),
    );
    // What was accepted can be shown, and loads again as the same.
    expect(accepted.length).toBeGreaterThan(0);
    for (const config of accepted.slice(0, 200)) {
      expect(redactConfig(config)).toContain('lmdbs:');
      expect(parseConfig(formatConfig(config), { env: {} }).lmdbs).toEqual(config.lmdbs);
    }
  }, 180_000);
});
