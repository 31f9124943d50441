import { LmdbstreamError } from '../errors/index.ts';

/** The data file is not in the format that this reader knows (liblmdb 0.9, data version 1). Cursors may still read it. */
export class UnknownFormatError extends LmdbstreamError {
  constructor(message: string) {
    super('UNKNOWN_FORMAT', message, { hint: 'pages are not read directly; the database is scanned through liblmdb' });
  }
}

/** A page holds something that no LMDB page may hold (I7): refused before it is used, never followed. */
export class CorruptPageError extends LmdbstreamError {
  readonly pageNumber: number;

  constructor(pageNumber: number, what: string) {
    super('CORRUPT_PAGE', `page ${pageNumber}: ${what}`, { hint: 'check the database with mdb_stat and mdb_copy' });
    this.pageNumber = pageNumber;
  }
}
