import { dbiNameBytes, dbiNameOf } from '../lmdb/index.ts';
import type { TreeShape } from './changed-leaves.ts';
import { CorruptPageError } from './errors.ts';
import { META_FREE_RECORD, META_MAIN_RECORD, NO_PAGE, NodeFlag, RECORD_ROOT, readPageNumber } from './layout.ts';
import type { LeafPage } from './leaf-page.ts';
import { lastTxnId, type Meta, readMeta } from './meta.ts';
import { sameBytes } from './order.ts';
import { PageCursor, subRecordOf } from './page-cursor.ts';
import type { PageFile } from './page-file.ts';
import { depthOf, Tree } from './tree.ts';

/** A named DBI of a view. */
export interface NamedTree {
  readonly name: string;
  readonly tree: Tree;
}

/** The entries of the root tree: named DBIs, and what an application keeps in the unnamed DBI, which is the same tree. */
export interface RootEntries {
  readonly dbis: readonly NamedTree[];
  /** The first key that is no DBI. */
  readonly plainKey: Buffer | undefined;
}

/** Everything one transaction committed. Valid while the read transaction of that id is held. */
export class View {
  readonly txnId: number;
  readonly mapSizeBytes: number;
  /** The tree whose keys are the names of the DBIs; and the unnamed DBI of applications that use it for data. */
  readonly mainTree: Tree;
  readonly #file: PageFile;
  readonly #names: PageCursor;
  readonly #meta: Meta;
  readonly #rootCopy: Buffer;

  constructor(file: PageFile, meta: Meta) {
    const pageLimit = Math.min(meta.lastPage + 1, file.pageCount);
    file.mapPages(pageLimit);
    this.txnId = meta.txnId;
    this.mapSizeBytes = meta.mapSizeBytes;
    this.mainTree = new Tree('', file, pageLimit, meta.bytes, META_MAIN_RECORD, 0);
    this.#file = file;
    this.#meta = meta;
    this.#names = new PageCursor(file, pageLimit);
    this.#rootCopy = this.#copyRoot();
  }

  /**
   * What the root tree holds. O(its entries).
   * @throws CorruptPageError, UnknownFormatError
   */
  root(): RootEntries {
    const dbis: NamedTree[] = [];
    let plainKey: Buffer | undefined;
    this.#names.openTree(this.mainTree.root, this.mainTree.depth, 0);
    while (this.#names.next()) {
      const { leaf } = this.#names;
      if (isDbi(leaf)) {
        const tree = treeAt(leaf, this.mainTree);
        dbis.push({ name: tree.name, tree });
      } else {
        plainKey ??= Buffer.from(leaf.buffer.subarray(leaf.keyStart, leaf.keyEnd));
      }
    }
    return { dbis, plainKey };
  }

  /** The named DBIs in the order of their names. @throws CorruptPageError, UnknownFormatError */
  dbis(): readonly NamedTree[] {
    return this.root().dbis;
  }

  /**
   * One named DBI; undefined when there is none, or when the key of that name is not a DBI.
   * @throws CorruptPageError, UnknownFormatError
   */
  dbi(name: string): Tree | undefined {
    const { root, depth, keyOrder } = this.mainTree;
    const key = dbiNameBytes(name);
    this.#names.openTree(root, depth, 0);
    if (!this.#names.seek(keyOrder, key, 0, key.length) || !this.#names.leaf.exact) return undefined;
    return isDbi(this.#names.leaf) ? treeAt(this.#names.leaf, this.mainTree) : undefined;
  }

  /** Where the tree of free pages is, which only write transactions read; its flags are those of the environment. @throws CorruptPageError */
  freeTree(): TreeShape {
    const { bytes, txnId } = this.#meta;
    const root = readPageNumber(bytes, META_FREE_RECORD + RECORD_ROOT);
    return { root, depth: root === NO_PAGE ? 0 : depthOf(bytes, META_FREE_RECORD, txnId & 1) };
  }

  /**
   * Whether the root page still holds the bytes it held when the view was opened. False means that the read transaction no
   * longer protects its pages (decision 3) and nothing of this view may be believed.
   */
  isIntact(): boolean {
    const { root } = this.mainTree;
    const copy = this.#rootCopy;
    if (copy.length === 0) return true;
    const start = this.#file.offsetOf(root);
    return sameBytes(this.#file.windowAt(root), start, start + copy.length, copy, 0, copy.length);
  }

  /** The bytes of the root page; nothing while the LMDB is empty. What two copies of one LMDB have in common in one transaction. */
  get rootPage(): Buffer {
    return this.#rootCopy;
  }

  #copyRoot(): Buffer {
    const { root, depth, pageLimit } = this.mainTree;
    if (depth === 0) return Buffer.alloc(0);
    const start = this.#file.locate(root, pageLimit);
    return Buffer.from(this.#file.windowAt(root).subarray(start, start + this.#file.pageSizeBytes));
  }
}

/**
 * The view of a read transaction; to be opened right after the transaction was begun.
 *
 * `stale` when that is no longer the newest commit: its meta page is then the one that the next commit overwrites, perhaps
 * at this very moment, and what was read may be half of each. The caller ends its read transaction and begins again.
 *
 * @param txnId `ReadTransaction.id`
 * @throws CorruptPageError, UnknownFormatError
 */
export function openView(file: PageFile, txnId: number): View | 'stale' {
  file.refresh();
  const metas = readMeta(file);
  const meta = metas[0].txnId === txnId ? metas[0] : metas[1];
  // Checked after the bytes were copied: a commit N+2 writes over N only once N+1 is there to be seen.
  if (meta.txnId !== txnId || lastTxnId(file) !== txnId) return 'stale';
  if (meta.lastPage < 1) throw new CorruptPageError(metas.indexOf(meta), `its last page is ${meta.lastPage}`);
  return new View(file, meta);
}

/** A node of the root tree that is a DBI; with `dupData` it is a set of duplicates in an unnamed DUPSORT DBI. */
export function isDbi(leaf: LeafPage): boolean {
  return (leaf.nodeFlags & (NodeFlag.subData | NodeFlag.dupData)) === NodeFlag.subData;
}

export function nameOf(leaf: LeafPage): string {
  return dbiNameOf(leaf.buffer, leaf.keyStart, leaf.keyEnd);
}

/** The tree of the selected DBI node. */
export function treeAt(leaf: LeafPage, mainTree: Tree): Tree {
  return new Tree(nameOf(leaf), mainTree.file, mainTree.pageLimit, leaf.buffer, subRecordOf(leaf), leaf.pageNumber);
}
