import { StorageError, type StorageOperation } from '../errors.ts';

/** Of an answer that claims success: what is looked at before it is believed. */
export interface AnswerHead {
  /** Which URL answered: after redirects, not which was asked. */
  readonly url: string;
  readonly status: number;
  /** Header names are lower case. */
  header(name: string): string | undefined;
}

/** Something that is not the service answered with success: a login page, a maintenance page, a console's port. */
export class ForeignAnswer extends Error {
  readonly url: string;

  constructor({ url, status, header }: AnswerHead, lack: string) {
    super(`HTTP ${status}${header('content-type') ? `, ${header('content-type')}` : ''}, ${lack}`);
    this.name = 'ForeignAnswer';
    this.url = withoutQuery(url);
  }
}

export const isSuccess = (status: number): boolean => status >= 200 && status < 300;

export const isHtml = ({ header }: AnswerHead): boolean => /\bx?html\b/i.test(header('content-type') ?? '');

/** Announces a body. */
export const hasBody = ({ header }: AnswerHead): boolean =>
  Number(header('content-length') ?? 0) > 0 || header('transfer-encoding') !== undefined;

export function foreignFailure(
  operation: StorageOperation,
  answer: ForeignAnswer,
  objectName: string | undefined,
): StorageError {
  const subject = objectName === undefined ? operation : `${operation} of ${JSON.stringify(objectName)}`;
  return new StorageError(`${subject}: the answer of ${answer.url} is not the storage's (${answer.message})`, {
    operation,
    objectName,
    retryable: true,
    errorLabel: 'ForeignAnswer',
    hint: 'a login page, a proxy or the port of a console answers there: check endpoint_url, its port and the proxy settings',
    cause: answer,
  });
}

function withoutQuery(url: string): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}
