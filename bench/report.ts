import type { Figure } from './figure.ts';
import type { Table } from './tables.ts';
import { SLOWER, TRIED } from './tried.ts';

export interface Report {
  readonly machine: readonly string[];
  readonly figures: readonly Figure[];
  readonly tables: readonly Table[];
  /** How it was called. */
  readonly command: string;
}

/** For the terminal. */
export function plainText({ machine, figures, tables }: Report): string {
  const verdicts = figures.map((figure) => [verdict(figure), figure.name, figure.target, figure.measured]);
  const parts = [machine.join('\n'), aligned([['', 'figure', 'target', 'measured'], ...verdicts])];
  for (const { title, head, rows } of tables) parts.push(`${title}\n\n${aligned([head, ...rows])}`);
  return `\n${parts.join('\n\n')}\n`;
}

/** `docs/performance.md`. */
export function markdown({ machine, figures, tables, command }: Report): string {
  const rows = figures.map((figure) => [figure.name, figure.target, figure.measured, verdict(figure)]);
  const how = new Map<string, string[]>();
  for (const figure of figures) how.set(figure.how, [...(how.get(figure.how) ?? []), figure.name]);
  return [
    '# Performance',
    `Written by \`${command}\` on ${new Date().toISOString().slice(0, 10)}. Not to be edited: run it again.`,
    machine.map((line) => `- ${line}`).join('\n'),
    'Keys of 32 bytes, values of 45 bytes, shadow mode, a folder as the bucket, LMDB with its default of one fsync a commit. Ratios compare what ' +
      'was measured in one run on one machine; they are what to look at, for the times are those of this disk and this processor.',
    '## Promises',
    table(['figure', 'target', 'measured', ''], rows),
    ...tables.flatMap(({ title, head, rows: body }) => [`## ${title}`, table(head, body)]),
    '## What was tried',
    table(['what', 'gave'], TRIED),
    '## On a slower machine',
    'What another run (2026-11-26) missed on 2 cores of an AMD EPYC that need 691 ms for the append of 2 M rows, half as fast as one that needs ' +
      '327 ms; all else was met there, too.',
    table(['figure', 'target', 'measured'], SLOWER),
    '## How each figure is measured',
    ...[...how].map(
      ([text, names]) =>
        `**${names.map(capital)[0]}${names.length > 1 ? `; ${names.slice(1).join('; ')}` : ''}.** ${text}`,
    ),
    '',
  ].join('\n\n');
}

function verdict({ isMet }: Figure): string {
  return isMet ? 'met' : 'MISSED';
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** As Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
