import { existsSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { citationsIn, placeOf, root, textOf, writtenFiles } from './repository.ts';

const files = writtenFiles();
const pages = files.filter((file) => file.endsWith('.md'));

/** GitHub's anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');

const anchorsOf = (page: string): string[] =>
  [...textOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading!));

describe.each(pages)('%s', (page) => {
  it('links only to what is there', () => {
    const broken = [...textOf(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)]*))?\)/g)]
      .filter(([, path, anchor]) => {
        const target = path === '' ? page : join(dirname(page), path!);
        if (target.startsWith('..') || !existsSync(join(root, target))) return true;
        return anchor !== undefined && !anchorsOf(target).includes(anchor);
      })
      .map(([link]) => link);
    expect(broken).toEqual([]);
  });
});

describe('a lone clone', () => {
  // What the patterns below look for stands in this file.
  const others = files.filter((file) => basename(file) !== 'links.test.ts');

  it('refers to no path outside of it', () => {
    const outside = citationsIn(others, /(?:\.\.\/)+[\w.-]*/g).filter(({ file, groups }) =>
      relative(root, join(root, dirname(file), groups[0]!)).startsWith('..'),
    );
    expect(outside.map(placeOf)).toEqual([]);
  });

  it('names no folder of a workplace and no ticket', () => {
    const workplace = /(?<![\w.])\/(?:work|root|Users|tmp\/(?:wt|plan))\/|(?<![\w.])\/home\/(?!runner)|\bissue #?\d+/gi;
    expect(citationsIn(others, workplace).map(placeOf)).toEqual([]);
  });

  // Names in quotes are code, which fails by itself.
  it('names only pages that are in it', () => {
    const unknown = citationsIn(others, /(?<!['"\w./-])[\w./-]*\b[\w-]+\.md\b/g).filter(({ file, groups }) => {
      const name = groups[0]!.replace(/^\.\//, '');
      return ![name, join(dirname(file), name)].some((path) => existsSync(join(root, path)));
    });
    expect(unknown.map(placeOf)).toEqual([]);
  });
});

describe('test/README.md', () => {
  const text = textOf('test/README.md');
  const below = (folder: string): string[] =>
    files.filter((file) => file.startsWith(folder)).map((file) => file.slice(folder.length));

  it('names every folder of tests', () => {
    const folders = new Set(below('test/').flatMap((file) => (file.includes('/') ? [file.split('/')[0]!] : [])));
    expect(folders.size).toBeGreaterThan(10);
    expect([...folders].filter((folder) => !text.includes(`\`${folder}/\``))).toEqual([]);
  });

  it('names every helper', () => {
    expect(below('test/support/').filter((file) => !text.includes(`\`${file}\``))).toEqual([]);
  });
});
