import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { assertNoSecret, holdsSecret, secret } from '../support/secrets.ts';

const watch = pathToFileURL(join(resolve(import.meta.dirname, '../..'), 'scripts/secrets.mjs')).href;
const BASE64 = [0, 1, 2].map((n) => Buffer.from(`${'u:::'.slice(0, n)}${secret('x')}`).toString('base64'));
// Numbers in the titles, for titles are printed.
const FORMS = [secret('x'), ...BASE64].map((text, index) => ({ text, index }));

/** What `scripts/test.mjs` finds in what comes in these pieces. */
function foundIn(pieces: readonly string[]): string[] {
  const script = `
const { SecretWatch } = await import(process.argv[1]);
const watch = new SecretWatch();
for (const piece of JSON.parse(process.argv[2])) watch.look('stdout', piece);
watch.end();
console.log(JSON.stringify(watch.found));`;
  const args = ['--input-type=module', '-e', script, watch, JSON.stringify(pieces)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

describe.each(FORMS)('a secret in form $index', ({ text }) => {
  it('is found by the tests of the product, which do not repeat it', () => {
    expect(holdsSecret(`before ${text} after`)).toBe(true);
    expect(holdsSecret('nothing of the kind')).toBe(false);
    const error = (() => {
      try {
        assertNoSecret(`before ${text} after`, 'it');
      } catch (thrown) {
        return String(thrown);
      }
      return undefined;
    })();
    expect(error).toContain('it holds a secret');
    expect(holdsSecret(error!)).toBe(false);
  });

  it('is found in what npm test prints, wherever a piece ends', () => {
    const half = text.length >> 1;
    const found = foundIn(['a line\nbefore ', text.slice(0, half), `${text.slice(half)} after\n`, 'a last one']);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^before .*<a secret>.* after$/);
    expect(foundIn(['before\n', text])).toHaveLength(1);
    expect(foundIn(['nothing\n', 'of the kind'])).toEqual([]);
  });
});
