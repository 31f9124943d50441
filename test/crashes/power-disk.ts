import { type Change, folderOf, type Inode, type Trace } from './power-trace.ts';

const PAGE_BYTES = 4096;
const SECTOR_BYTES = 512;

/** What a disk may hold after a power failure: names of files with their bytes. */
export interface CrashState {
  /** The line of the trace at which the power failed. */
  readonly moment: number;
  readonly files: ReadonlyMap<string, Buffer>;
}

type Write = Extract<Change, { type: 'write' }>;
type ToFile = Extract<Change, { type: 'write' | 'truncate' }>;

/**
 * The states in which a power failure may leave the disk. Durable is what an fsync that had returned covers. Of everything else each
 * part is there or not, whatever the others are: pages of a write (now and then sectors), names, folders.
 */
export class Disk {
  readonly #trace: Trace;
  /** What was there before, by path. */
  readonly #before: ReadonlyMap<string, Buffer>;

  constructor(trace: Trace, before: ReadonlyMap<string, Buffer>) {
    this.#trace = trace;
    this.#before = before;
  }

  /** Everything that was begun before a moment, as if there were no failure. */
  wholeAt(moment: number): CrashState {
    return this.#stateAt(moment, () => true);
  }

  /** @param random from 0 to below 1 */
  stateAt(moment: number, random: () => number): CrashState {
    const share = [0, 0.5, 1, random()][Math.floor(random() * 4)]!;
    return this.#stateAt(moment, () => random() < share);
  }

  isDurable(change: Change, moment: number): boolean {
    return this.#trace.changes.some((sync) => {
      if (sync.done >= moment) return false;
      if (sync === change) return change.type === 'write' && change.isDurable;
      if (sync.begun < change.done) return false;
      if (change.type === 'write' || change.type === 'truncate')
        return sync.type === 'sync' && sync.inode === change.inode;
      return 'path' in change && sync.type === 'syncFolder' && sync.path === folderOf(change.path);
    });
  }

  #stateAt(moment: number, happens: () => boolean): CrashState {
    const { inodes } = this.#trace;
    const contents = new Map<Inode, Buffer>(
      [...inodes].map(([path, inode]) => [inode, Buffer.from(this.#before.get(path)!)]),
    );
    const names = new Map<string, Inode>(inodes);
    const missing = new Set<string>();
    for (const change of this.#trace.changes) {
      if (change.begun >= moment) break;
      const isSure = this.isDurable(change, moment);
      switch (change.type) {
        case 'write':
        case 'truncate':
          apply(contents, change, isSure ? () => true : happens);
          break;
        case 'mkdir':
          if (!isSure && !happens()) missing.add(change.path);
          break;
        case 'create':
          if (isSure || happens()) names.set(change.path, change.inode!);
          break;
        case 'unlink':
          if (isSure || happens()) names.delete(change.path);
          break;
        case 'rename':
          this.#rename(names, change.path, change.to, isSure || happens());
      }
    }
    const files = new Map<string, Buffer>();
    for (const [path, inode] of names) {
      if ([...missing].some((folder) => path.startsWith(`${folder}/`))) continue;
      files.set(path, contents.get(inode) ?? Buffer.alloc(0));
    }
    return { moment, files };
  }

  /** Of a rename alone may be on disk, without the name before it. */
  #rename(names: Map<string, Inode>, path: string, to: string, happens: boolean): void {
    const created = this.#trace.changes.find((change) => change.type === 'create' && change.path === path);
    const inode = names.get(path) ?? (created?.type === 'create' ? created.inode : undefined);
    if (!happens || inode === undefined) return;
    names.set(to, inode);
    names.delete(path);
  }
}

function apply(contents: Map<Inode, Buffer>, change: ToFile, happens: () => boolean): void {
  let content = contents.get(change.inode) ?? Buffer.alloc(0);
  if (change.type === 'truncate') {
    if (happens()) content = grown(content, change.sizeBytes).subarray(0, change.sizeBytes);
  } else {
    for (const [offset, data] of partsOf(change, happens)) {
      if (!happens()) continue;
      content = grown(content, offset + data.length);
      data.copy(content, offset);
    }
  }
  contents.set(change.inode, content);
}

/** Pages, and now and then the sectors of one. */
function* partsOf({ offset, data }: Write, happens: () => boolean): Generator<[offset: number, data: Buffer]> {
  for (let from = 0; from < data.length; ) {
    const unit = happens() && !happens() ? SECTOR_BYTES : PAGE_BYTES;
    const length = Math.min(unit - ((offset + from) % unit), data.length - from);
    yield [offset + from, data.subarray(from, from + length)];
    from += length;
  }
}

function grown(content: Buffer, sizeBytes: number): Buffer {
  return content.length >= sizeBytes ? content : Buffer.concat([content, Buffer.alloc(sizeBytes - content.length)]);
}
