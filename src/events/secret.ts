import { readFileSync } from 'node:fs';
import { EventConsumerError } from './errors.ts';

const SECRET_HINT = 'the file must hold nothing but the secret, and be readable by the user of lmdbstream';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not stand in a secret
const UNPRINTABLE = /[\u0000-\u001f\u007f]/;

/**
 * A secret that lies in a file. The newline at its end is not part of it.
 * @param key of the configuration, for messages
 * @returns what reads it again each time: it may be renewed
 * @throws EventConsumerError when it cannot be read now
 */
export function secretIn(consumer: string, file: string, key: string): () => string {
  const read = (): string => {
    let secret: string;
    try {
      secret = readFileSync(file, 'utf8').trim();
    } catch (error) {
      throw new EventConsumerError(consumer, `${key}: ${(error as Error).message}`, SECRET_HINT, error);
    }
    // It may go into a header, and an error about a header would show it.
    if (UNPRINTABLE.test(secret))
      throw new EventConsumerError(consumer, `${key}: ${file} holds more than one line of text`, SECRET_HINT);
    if (secret === '') throw new EventConsumerError(consumer, `${key}: ${file} is empty`, SECRET_HINT);
    return secret;
  };
  read();
  return read;
}
