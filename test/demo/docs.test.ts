import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/index.ts';

const root = resolve(import.meta.dirname, '..', '..');
const PAGES = ['README.md', 'docs/getting-started.md', 'docs/powerdns.md', 'docs/architecture.md', 'CHANGELOG.md'];

const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

/** GitHub's anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');

const anchorsOf = (page: string): string[] =>
  [...textOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading!));

describe.each(PAGES)('%s', (page) => {
  it('links only to what is there', () => {
    const broken = [...textOf(page).matchAll(/\]\((?!https:)([^)#\s]*)(?:#([^)]*))?\)/g)]
      .filter(([, path, anchor]) => {
        const target = path === '' ? page : join(dirname(page), path!);
        if (!existsSync(join(root, target))) return true;
        return anchor !== undefined && !anchorsOf(target).includes(anchor);
      })
      .map(([link]) => link);
    expect(broken).toEqual([]);
  });

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
    expect(shown.length).toBe(4);
  });
});

describe('docs/architecture.md', () => {
  const rows = [...textOf('docs/architecture.md').matchAll(/^\| (I\d+) \| .+ \| (.+) \|$/gm)];

  it('has every invariant', () => {
    expect(rows.map(([, invariant]) => invariant)).toEqual(Array.from({ length: 10 }, (_, index) => `I${index + 1}`));
  });

  it.each(rows.map(([, invariant, files]) => [invariant!, files!]))(
    '%s is named by each of its tests: %s',
    (invariant, files) => {
      for (const [, file] of files.matchAll(/`([^`]+)`/g)) {
        expect(textOf(file!), file).toMatch(new RegExp(`\\b${invariant}\\b`));
      }
    },
  );

  it('names functions that there are', () => {
    const doors = ['shadow', 'merge', 'snapshot', 'storage', 'btree', 'lmdb', 'sync', 'config', 'log'];
    const exported = doors.map((folder) => textOf(`src/${folder}/index.ts`)).join('\n');
    const table = textOf('docs/architecture.md').match(/\| folder \|[\s\S]*?\n\n/)![0];
    const named = [...table.matchAll(/`([a-z]+[A-Z]\w*|[A-Z]\w+[a-z])`/g)].map(([, name]) => name!);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !new RegExp(`\\b${name}\\b`).test(exported))).toEqual([]);
  });
});
