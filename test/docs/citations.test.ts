import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Citation, citationsIn, placeOf, root, textOf, writtenFiles } from './repository.ts';

const files = writtenFiles();
const pages = files.filter((file) => file.startsWith('docs/') && file.endsWith('.md'));

/** `HDR-13`, `LOOP-08`; encodings and hashes have such names as well. */
const ID = /\b(?!UTF-|SHA-|AES-|EUC-)[A-Z]{3,4}-\d{2}\b/g;

function definedIn(rows: readonly Citation[]): string[] {
  return rows.map(({ groups }) => groups[1]!);
}

describe('what code, tests and pages cite', () => {
  const ids = definedIn(citationsIn(pages, /^\| ([A-Z]{3,4}-\d{2}) \| (?=\S)/g));
  const weakPlaces = definedIn(citationsIn(['docs/reference-behaviour.md'], /^\| (W\d{1,2}) \| (?=\S)/g));
  const invariants = definedIn(citationsIn(['docs/invariants.md'], /^\| (I\d{1,2}) \| [^|]+ \| [^|]+ \| [^|]+ \|$/g));
  const decisions = readdirSync(join(root, 'docs/decisions')).flatMap((name) => /^(\d\d)-/.exec(name)?.[1] ?? []);

  it('an id is a row of one page', () => {
    expect(ids.length).toBeGreaterThan(200);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    const cited = citationsIn(files, ID);
    expect(cited.length).toBeGreaterThan(ids.length);
    expect(cited.filter(({ groups }) => !ids.includes(groups[0]!)).map(placeOf)).toEqual([]);
  });

  it('a weak place of the reference is a row', () => {
    const cited = citationsIn(files, /\bW\d{1,2}\b/g);
    expect(cited.length).toBeGreaterThan(weakPlaces.length);
    expect(cited.filter(({ groups }) => !weakPlaces.includes(groups[0]!)).map(placeOf)).toEqual([]);
  });

  it('an invariant is a row', () => {
    expect(invariants).toEqual(Array.from({ length: 12 }, (_, index) => `I${index + 1}`));
    const cited = citationsIn(files, /\bI\d{1,2}\b/g);
    expect(cited.filter(({ groups }) => !invariants.includes(groups[0]!)).map(placeOf)).toEqual([]);
  });

  it('a decision is a page', () => {
    const cited = citationsIn(files, /\bdecisions? (\d+)(?: (?:to|and) (\d+))?/gi);
    expect(cited.length).toBeGreaterThan(20);
    const unknown = cited.filter(({ groups }) =>
      groups.slice(1).some((number) => number !== undefined && !decisions.includes(number.padStart(2, '0'))),
    );
    expect(unknown.map(placeOf)).toEqual([]);
  });
});

describe('docs/decisions', () => {
  const names = readdirSync(join(root, 'docs/decisions')).filter((name) => name !== 'README.md');

  it('are numbered without a gap, and all in the index', () => {
    const numbers = names.map((name) => Number(name.slice(0, 2))).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from(numbers, (_, index) => index + 1));
    const index = textOf('docs/decisions/README.md');
    expect(names.filter((name) => !index.includes(`](${name})`))).toEqual([]);
  });

  it.each(names)('%s says what, why, what else, and what would change it', (name) => {
    const text = textOf(join('docs/decisions', name));
    expect(text).toMatch(new RegExp(`^# ${Number(name.slice(0, 2))}\\. `));
    const sections = [...text.matchAll(/^## (.+)\n\n\S/gm)].map(([, heading]) => heading);
    expect(sections).toEqual(['Decision', 'Why', 'Rejected', 'What would change it']);
  });
});

describe('docs/invariants.md', () => {
  const rows = [...textOf('docs/invariants.md').matchAll(/^\| (I\d+) \| [^|]+ \| [^|]+ \| ([^|]+) \|$/gm)];

  it.each(rows.map(([, invariant, tests]) => [invariant!, tests!]))(
    '%s is named by each of its tests: %s',
    (invariant, tests) => {
      if (tests === 'none yet') return expect(['I11', 'I12']).toContain(invariant);
      const named = [...tests.matchAll(/`([^`]+)`/g)].map(([, file]) => file!);
      expect(named.length).toBeGreaterThan(0);
      for (const file of named) expect(textOf(file), file).toMatch(new RegExp(`\\b${invariant}\\b`));
    },
  );

  it('says of each what is not covered', () => {
    const gaps = [...textOf('docs/invariants.md').matchAll(/^\| (I\d+) \| [^|]+ \|$/gm)].map(([, id]) => id);
    expect(gaps).toEqual(rows.map(([, id]) => id));
  });
});
