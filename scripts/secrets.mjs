// What the suite prints is looked through for the secrets of its fixtures: all of them hold the mark of test/support/secret-mark.json.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './processes.mjs';

/** @type {{ mark: string }} */
const { mark } = JSON.parse(readFileSync(join(root, 'test/support/secret-mark.json'), 'utf8'));
/** The mark as it is, and within Base64 wherever it begins: a header `Authorization: Basic`. */
const FORMS = [mark, ...[0, 1, 2].map(base64Form)];

/** @param {number} before bytes in front of it */
function base64Form(before) {
  const encoded = Buffer.from('x'.repeat(before) + mark).toString('base64');
  // The first and the last characters are also made of what stands beside it.
  return encoded.slice(before === 0 ? 0 : 4, -4);
}

/** @param {string} text */
export function holdsSecret(text) {
  return FORMS.some((form) => text.includes(form));
}

/** Looks through what comes in pieces, of several streams. */
export class SecretWatch {
  /** Lines with a secret in them, without it. @type {string[]} */
  found = [];
  /** @type {Map<string, string>} */
  #rest = new Map();

  /** @param {string} stream @param {string} piece */
  look(stream, piece) {
    const lines = ((this.#rest.get(stream) ?? '') + piece).split('\n');
    const rest = lines.pop() ?? '';
    this.#rest.set(stream, rest);
    for (const line of lines) if (holdsSecret(line)) this.found.push(hidden(line));
  }

  /** No more comes. */
  end() {
    for (const rest of this.#rest.values()) if (holdsSecret(rest)) this.found.push(hidden(rest));
    this.#rest.clear();
  }
}

/** @param {string} line */
function hidden(line) {
  return FORMS.reduce((text, form) => text.replaceAll(form, '<a secret>'), line);
}
