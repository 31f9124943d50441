import { readFileSync } from 'node:fs';

let known: string | undefined;

/** The version of package.json, which lies two folders up from the source and from the compiled file alike. */
export function version(): string {
  if (known === undefined) {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    known = (JSON.parse(text) as { version: string }).version;
  }
  return known;
}
