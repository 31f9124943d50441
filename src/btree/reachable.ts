import { BranchPage } from './branch-page.ts';
import type { TreeShape } from './changed-leaves.ts';
import { CorruptPageError } from './errors.ts';
import { NodeFlag, readPageNumber } from './layout.ts';
import { LeafPage } from './leaf-page.ts';
import { subTreeOf } from './page-cursor.ts';
import type { PageFile } from './page-file.ts';
import { locateOverflow } from './value-range.ts';
import type { View } from './view.ts';

const DUPLICATES_TREE = NodeFlag.subData | NodeFlag.dupData;

/**
 * Follows every way on which liblmdb can be led to a page, whether it reads or writes: the root tree, the named DBIs, trees of duplicates,
 * overflow pages, and the tree of free pages. Leaves are read only where they can lead on; of the others the number is enough, so that
 * of plain DBIs with small values no more than a page in a hundred is touched.
 * @throws CorruptPageError for the first page that is not in the file, or that is not what it has to be; UnknownFormatError
 */
export function assertReachable(file: PageFile, view: View): void {
  const pages = new ReachablePages(file, view.mainTree.pageLimit);
  pages.visit(view.freeTree(), true);
  pages.visit(view.mainTree, true);
  for (const { tree } of view.dbis()) pages.visit(tree, tree.isDupSort || tree.overflowPages > 0);
}

class ReachablePages {
  readonly #file: PageFile;
  readonly #pageLimit: number;
  readonly #branch: BranchPage;
  readonly #leaf: LeafPage;
  /** No page is reachable on two ways: a corrupt tree ends at their number. */
  #visited = 0;

  /** @param pageLimit the first page number that is not in the file, or was not known to the view */
  constructor(file: PageFile, pageLimit: number) {
    this.#file = file;
    this.#pageLimit = pageLimit;
    this.#branch = new BranchPage(file, pageLimit);
    this.#leaf = new LeafPage(file, pageLimit);
  }

  visit({ root, depth }: TreeShape, readsLeaves: boolean): void {
    if (depth > 0) this.#descend(root, depth - 1, readsLeaves);
  }

  #descend(page: number, levelsBelow: number, readsLeaves: boolean): void {
    if (page < 2 || page >= this.#pageLimit) {
      throw new CorruptPageError(page, `not between 2 and ${this.#pageLimit}`);
    }
    if (++this.#visited > this.#pageLimit) throw new CorruptPageError(page, 'the trees have more pages than the file');
    if (levelsBelow > 0) {
      const branch = this.#branch;
      branch.load(page);
      // Before the next one is loaded.
      const children = Array.from({ length: branch.count }, (_, index) => branch.child(index));
      for (const child of children) this.#descend(child, levelsBelow - 1, readsLeaves);
    } else if (readsLeaves) this.#readLeaf(page);
  }

  /** Named DBIs among its entries are left to the caller. */
  #readLeaf(page: number): void {
    const leaf = this.#leaf;
    leaf.load(page, 0);
    for (let index = 0; index < leaf.count; index++) {
      leaf.select(index);
      if (leaf.nodeFlags & NodeFlag.bigData) {
        locateOverflow(this.#file, this.#pageLimit, readPageNumber(leaf.buffer, leaf.dataStart), leaf.dataSize);
      } else if ((leaf.nodeFlags & DUPLICATES_TREE) === DUPLICATES_TREE) {
        // A duplicate is never on pages of its own.
        this.visit(subTreeOf(leaf), false);
      }
    }
  }
}
