import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

interface Message {
  readonly level: string;
  readonly text: string;
}

/** A literal, or the constant of that name in the same file, as the documentation writes it. */
function textAt(code: string, at: number): string | undefined {
  const rest = code.slice(at);
  const name = /^[A-Z][A-Z_]+\b/.exec(rest)?.[0];
  if (name !== undefined) {
    const value = new RegExp(`const ${name} =\\s*`).exec(code);
    return value === null ? undefined : textAt(code, value.index + value[0].length);
  }
  const parts = /^(?:(['`])(?:(?!\1).)*\1\s*(?:\+\s*)?)+/.exec(rest)?.[0];
  if (parts === undefined) return undefined;
  return [...parts.matchAll(/(['`])((?:(?!\1).)*)\1/g)].map((part) => part[2]!.replace(/\$\{[^}]*\}/g, '…')).join('');
}

function messagesOf(code: string): Message[] {
  // The functions `warn` and `error` of `line.ts` stand for a line of the log.
  const calls = /(?:\b[lL]og\??\.(warn|error)|(?:return |&& )(warn|error)|\(isTold \? (warn) : debug\))\(\s*/g;
  return [...code.matchAll(calls)].flatMap((call) => {
    const level = (call[1] ?? call[2] ?? call[3]) === 'error' ? 'error' : 'warning';
    const text = textAt(code, call.index + call[0].length);
    return text === undefined ? [] : [{ level, text }];
  });
}

it('docs/messages.md has every message of level warning or above, and no other', () => {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  const logged = sources.flatMap((file) => messagesOf(readFileSync(join(root, 'src', file), 'utf8')));
  const page = readFileSync(join(root, 'docs/messages.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(.*?)` \| (error|warning) \| \S.* \|$/gm)];
  const documented = rows.map((row) => ({ level: row[2]!, text: row[1]! }));
  const lines = (messages: readonly Message[]): string[] =>
    [...new Set(messages.map(({ level, text }) => `${level}: ${text}`))].sort();
  expect(logged.length).toBeGreaterThan(35);
  expect(lines(documented)).toEqual(lines(logged));
});
