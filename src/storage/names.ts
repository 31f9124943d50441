import { StorageError } from './errors.ts';

/** Order of UTF-8 bytes, which is that of code points; JavaScript's own `<` puts U+FFFF after U+10000. */
export function compareNames(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a !== b) return isSurrogate(a) === isSurrogate(b) ? a - b : isSurrogate(a) ? 1 : -1;
  }
  return left.length - right.length;
}

const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff;

export function sortByName<T extends { readonly name: string }>(infos: T[]): T[] {
  return infos.sort((left, right) => compareNames(left.name, right.name));
}

/**
 * A file-system bucket hides what starts with a dot, ends in `.tmp` or lies in a folder: those are the temporary
 * files of writers (ours and the reference's), which no listing may show.
 */
export function isVisibleFileName(name: string): boolean {
  return name !== '' && !name.startsWith('.') && !name.endsWith('.tmp') && !name.includes('/') && !name.includes('\0');
}

export function nameRefused(operation: 'store' | 'delete', name: string): StorageError {
  return new StorageError(`the name ${JSON.stringify(name)} cannot be used for an object`, {
    operation,
    objectName: name,
    denied: true,
    errorLabel: 'InvalidName',
    hint: 'a name must not be empty, start with ".", end in ".tmp" or contain "/" or a zero byte',
  });
}

export function objectNotFound(operation: 'load', name: string, cause?: unknown): StorageError {
  return new StorageError(`object ${JSON.stringify(name)} does not exist`, {
    operation,
    objectName: name,
    notFound: true,
    cause,
  });
}
