import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

/** Made by tools, or recorded data that nobody wrote. */
const SKIPPED_FOLDERS = new Set(['.git', 'node_modules', 'dist', '.deps', '.tmp', 'coverage']);
const RECORDED = join('test', 'golden', 'data');
const TEXT = /\.(?:ts|mjs|js|py|c|sh|md|yaml|json)$|^run$/;

/** Every text file of the repository that somebody wrote, relative to its root, sorted. */
export function writtenFiles(): string[] {
  const files: string[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!SKIPPED_FOLDERS.has(entry.name)) visit(path);
      } else if (TEXT.test(entry.name)) {
        files.push(relative(root, path));
      }
    }
  };
  visit(root);
  return files
    .filter((file) => basename(file) !== 'package-lock.json')
    .filter((file) => !file.startsWith(RECORDED) || file.endsWith('.md'))
    .sort();
}

export const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');

export interface Citation {
  readonly file: string;
  readonly line: number;
  readonly groups: readonly (string | undefined)[];
}

/** Every match of a global pattern in the files, with the place where it stands. */
export function citationsIn(files: readonly string[], pattern: RegExp): Citation[] {
  return files.flatMap((file) =>
    textOf(file)
      .split('\n')
      .flatMap((line, index) =>
        [...line.matchAll(pattern)].map((match) => ({ file, line: index + 1, groups: [...match] })),
      ),
  );
}

/** For a message: `file:line text`. */
export const placeOf = ({ file, line, groups }: Citation): string => `${file}:${line} ${groups[0]}`;
