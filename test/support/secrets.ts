import type { Readable } from 'node:stream';
import marks from './secret-mark.json' with { type: 'json' };

/** In every secret of a fixture, so that one that is printed is found, whoever prints it: here, and in `scripts/test.mjs`. */
export const SECRET_MARK: string = marks.mark;

/** A secret of a fixture. */
export const secret = (what: string): string => `${SECRET_MARK}-${what}`;

/** A secret that has to be Base64, and of this many characters. */
export const base64Secret = (length: number): string => SECRET_MARK.padEnd(length, 'x');

/** As it is, and within Base64 wherever it begins: a header `Authorization: Basic`. */
const FORMS = [
  SECRET_MARK,
  ...[0, 1, 2].map((before) => {
    const encoded = Buffer.from('x'.repeat(before) + SECRET_MARK).toString('base64');
    return encoded.slice(before === 0 ? 0 : 4, -4);
  }),
];

export const holdsSecret = (text: string): boolean => FORMS.some((form) => text.includes(form));

/** @throws Error without the secret, when a text holds one */
export function assertNoSecret(text: string, what: string): void {
  const form = FORMS.find((one) => text.includes(one));
  if (form === undefined) return;
  const at = text.indexOf(form);
  const around = text.slice(Math.max(0, at - 200), at + 100).replaceAll(form, '<a secret>');
  throw new Error(`${what} holds a secret: …${around}…`);
}

/** Fails the run, as an unhandled error, when a process of ours writes a secret. */
export function watchForSecrets(stream: Readable | null, what: string): void {
  let rest = '';
  stream?.on('data', (chunk: Buffer) => {
    const text = rest + chunk.toString();
    assertNoSecret(text, what);
    rest = text.slice(-SECRET_MARK.length);
  });
}
