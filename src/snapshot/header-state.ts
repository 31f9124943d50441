import { EMPTY_META, sameMeta } from './decode-meta.ts';
import { CorruptSnapshotError, RefusedSnapshotError } from './errors.ts';
import type { SnapshotLimits } from './limits.ts';
import type { DbiHeader, SnapshotHeader, SnapshotMeta, SnapshotVisitor } from './message.ts';

/**
 * What a pass over the headers alone has found. Protobuf lets a writer put the fields of a message in any order, and a
 * standard encoder writes `compatVersion` behind the DBIs and a DBI's flags behind its entries; a visitor must know
 * them before. The reference and we put them first, so one streaming pass is tried, and the headers are looked for
 * only when a late one turns up.
 */
export interface KnownHeaders {
  readonly header: SnapshotHeader;
  readonly dbis: readonly DbiHeader[];
}

/**
 * Internal: the visitor was, or would be, told a wrong header, because fields of it stand behind what they apply to.
 * That is certain unless there is a `refusal`: the visitor has refused a header that may not have been whole.
 */
export class HeaderInDoubt extends Error {
  readonly refusal: RefusedSnapshotError | undefined;

  constructor(refusal?: RefusedSnapshotError) {
    super('a header field stands behind what it applies to');
    this.refusal = refusal;
  }
}

type HeaderVisitor = Pick<SnapshotVisitor, 'header' | 'dbi' | 'dbiEnd'>;

interface HeaderOptions {
  readonly objectName: string;
  readonly limits: Pick<SnapshotLimits, 'maxDbis'>;
  readonly headersOnly?: boolean;
  readonly known?: KnownHeaders;
}

/** Collects header fields and tells the visitor of them in order: header, DBI, (entries), end of DBI. */
export class HeaderState {
  meta: SnapshotMeta = EMPTY_META;
  dbiCount = 0;
  readonly #visitor: HeaderVisitor;
  readonly #options: HeaderOptions;
  #formatVersion = 0;
  #compatVersion = 0;
  #headerTold = false;
  #dbiTold = false;
  #name = '';
  #flags = 0;
  #transform = '';

  constructor(visitor: HeaderVisitor, options: HeaderOptions) {
    this.#visitor = visitor;
    this.#options = options;
  }

  setFormatVersion(value: number): void {
    this.#mayChange(this.#headerTold, this.#formatVersion === value);
    this.#formatVersion = value;
  }

  setCompatVersion(value: number): void {
    this.#mayChange(this.#headerTold, this.#compatVersion === value);
    this.#compatVersion = value;
  }

  setMeta(value: SnapshotMeta): void {
    this.#mayChange(this.#headerTold, sameMeta(this.meta, value));
    this.meta = value;
  }

  setDbiName(value: string): void {
    this.#mayChange(this.#dbiTold, this.#name === value);
    this.#name = value;
  }

  setDbiFlags(value: number): void {
    this.#mayChange(this.#dbiTold, this.#flags === value);
    this.#flags = value;
  }

  setDbiTransform(value: string): void {
    this.#mayChange(this.#dbiTold, this.#transform === value);
    this.#transform = value;
  }

  #mayChange(told: boolean, same: boolean): void {
    if (told && !same && this.#options.known === undefined) throw new HeaderInDoubt();
  }

  beginDbi(): void {
    if (this.dbiCount >= this.#options.limits.maxDbis) throw this.#refuse('dbi-count', 'it has too many DBIs');
    this.dbiCount++;
    this.#dbiTold = false;
    this.#name = '';
    this.#flags = 0;
    this.#transform = '';
  }

  /** Called before each entry. */
  beforeEntry(): void {
    if (this.#dbiTold) return;
    // Every DBI has a name: where there is none yet, it stands behind the entries.
    if (this.#name === '' && this.#options.known === undefined) throw new HeaderInDoubt();
    this.#announceDbi();
  }

  #announceDbi(): void {
    if (this.#dbiTold) return;
    if (!this.#options.headersOnly) this.#announceHeader(true);
    this.#dbiTold = true;
    this.#visitor.dbi(this.#dbi());
  }

  endDbi(): void {
    this.#announceDbi();
    this.#visitor.dbiEnd?.();
  }

  finish(): void {
    this.#announceHeader(this.dbiCount > 0);
  }

  #announceHeader(hasDbis: boolean): void {
    if (this.#headerTold) return;
    this.#headerTold = true;
    const { meta } = this;
    const found = { formatVersion: this.#formatVersion, compatVersion: this.#compatVersion, meta, hasDbis };
    this.#visitor.header(this.#options.known?.header ?? found);
  }

  #dbi(): DbiHeader {
    const { known } = this.#options;
    if (known) {
      const dbi = known.dbis[this.dbiCount - 1];
      if (dbi) return dbi;
      throw new CorruptSnapshotError(this.#options.objectName, 'changed', 'it changed while it was read');
    }
    if (this.#name === '') throw this.#refuse('dbi-name', 'a DBI has no name');
    // LMDB takes names as C strings: it would open the DBI of the part before the NUL.
    if (this.#name.includes('\0')) throw this.#refuse('dbi-name', 'a DBI has a name with a NUL in it');
    return { name: this.#name, flags: this.#flags, transform: this.#transform };
  }

  #refuse(reason: RefusedSnapshotError['reason'], detail: string): RefusedSnapshotError {
    return new RefusedSnapshotError(this.#options.objectName, reason, detail);
  }
}
