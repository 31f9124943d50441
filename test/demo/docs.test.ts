import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/index.ts';

const root = resolve(import.meta.dirname, '..', '..');
const PAGES = [
  'README.md',
  'docs/getting-started.md',
  'docs/powerdns.md',
  'docs/architecture.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
];

const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

describe.each(PAGES)('%s', (page) => {
  it('calls only scripts of package.json', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
    const called = [...textOf(page).matchAll(/npm (?:run )?(demo|test|build|bench|setup|check)\b/g)].map(
      ([, name]) => name!,
    );
    expect(called.filter((name) => !(name in scripts))).toEqual([]);
  });
});

describe('configurations that the pages show', () => {
  const shown = ['README.md', 'docs/getting-started.md', 'docs/powerdns.md'].flatMap((page) =>
    [...textOf(page).matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text], index) => [`${page} ${index + 1}`, text!]),
  );

  it.each(shown)('%s is accepted without a warning', (_, text) => {
    const config = parseConfig(text!, { env: {}, hostname: () => 'the-host' });
    expect(config.warnings).toEqual([]);
    for (const { dupsortHack, options } of config.lmdbs.values()) {
      // PowerDNS: its private keys are in there.
      if (dupsortHack) expect(options).toMatchObject({ noSubdir: true, fileMask: 0o600 });
    }
  });

  it('there are some', () => {
    expect(shown.length).toBe(5);
  });
});

describe('docs/architecture.md', () => {
  it('names functions that there are', () => {
    const doors = [
      'server',
      'events',
      'powerdns',
      'shadow',
      'merge',
      'snapshot',
      'storage',
      'btree',
      'lmdb',
      'sync',
      'config',
      'paths',
      'log',
      'inspect',
      'migrate',
    ];
    const exported = doors.map((folder) => textOf(`src/${folder}/index.ts`)).join('\n');
    const table = textOf('docs/architecture.md').match(/\| folder \|[\s\S]*?\n\n/)![0];
    const named = [...table.matchAll(/`([a-z]+[A-Z]\w*|[A-Z]\w+[a-z])`/g)].map(([, name]) => name!);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !new RegExp(`\\b${name}\\b`).test(exported))).toEqual([]);
  });
});
