import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What strace is asked to record: everything that changes files or makes changes durable. */
const CALLS =
  'openat,creat,close,lseek,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,sync_file_range,msync,ftruncate,fallocate,' +
  'copy_file_range,sendfile,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat';

/** Words before a command, whose changes of files then go to `file`. */
export const recordTo = (file: string): readonly string[] => [
  'strace',
  '-f',
  '--seccomp-bpf',
  '-y',
  '-xx',
  '-s',
  '99999999',
  '-e',
  `trace=${CALLS}`,
  '-o',
  file,
];

/** A file, whatever its name. */
export interface Inode {
  readonly id: number;
}

interface At {
  /** Lines of the trace on which the call began and had returned; the same for most. */
  readonly begun: number;
  readonly done: number;
}

export type Change = At &
  (
    | { readonly type: 'create' | 'mkdir' | 'unlink'; readonly path: string; readonly inode?: Inode | undefined }
    | { readonly type: 'rename'; readonly path: string; readonly to: string }
    /** `isDurable`: through a descriptor that was opened with O_DSYNC. */
    | {
        readonly type: 'write';
        readonly inode: Inode;
        readonly offset: number;
        readonly data: Buffer;
        readonly isDurable: boolean;
      }
    | { readonly type: 'truncate'; readonly inode: Inode; readonly sizeBytes: number }
    | { readonly type: 'sync'; readonly inode: Inode }
    | { readonly type: 'syncFolder'; readonly path: string }
    /** What it wrote to standard output or error. */
    | { readonly type: 'said'; readonly text: string }
  );

interface OpenFile {
  readonly inode: Inode | undefined;
  readonly path: string;
  readonly isDurable: boolean;
  readonly appends: boolean;
  position: number;
}

interface Call extends At {
  readonly name: string;
  readonly args: string;
  readonly result: number;
}

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll('\\x', ''), 'hex');
const STRING = /"((?:\\x[0-9a-f]{2})*)"/g;
const stringsIn = (args: string): Buffer[] => [...args.matchAll(STRING)].map(([, hex]) => bytesOf(hex!));
const fdIn = (args: string): number => Number(/^(\d+)/.exec(args)?.[1]);

/** Each call once, with the halves of those that were interrupted by another thread joined. */
function* callsIn(file: string): Generator<Call> {
  const unfinished = new Map<string, { readonly text: string; readonly begun: number }>();
  for (const [line, text] of readFileSync(file, 'latin1').split('\n').entries()) {
    const [, thread, rest] = /^(\d+) +(.*)$/.exec(text) ?? [];
    if (thread === undefined || rest === undefined) continue;
    if (rest.endsWith('<unfinished ...>')) {
      unfinished.set(thread, { text: rest.slice(0, -'<unfinished ...>'.length), begun: line });
      continue;
    }
    const [, tail] = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest) ?? [];
    const first = tail === undefined ? undefined : unfinished.get(thread);
    const whole = first === undefined ? rest : `${first.text}${tail}`;
    const [, name, args, result] = /^(\w+)\((.*)\)\s+= (-?\d+)/.exec(whole) ?? [];
    if (name === undefined || Number(result) < 0) continue;
    yield { name, args: args!, result: Number(result), begun: first?.begun ?? line, done: line };
  }
}

export interface Trace {
  readonly changes: readonly Change[];
  /** Number of lines: a moment is one of them. */
  readonly length: number;
  /** Files that were there before, by path. */
  readonly inodes: ReadonlyMap<string, Inode>;
}

/**
 * Reads what one process did below a folder.
 * @param existing paths of files that are there before it starts
 */
export function readTrace(file: string, below: string, existing: readonly string[]): Trace {
  const reader = new TraceReader(below, existing);
  let length = 0;
  for (const call of callsIn(file)) {
    reader.take(call);
    length = call.done + 1;
  }
  return { changes: reader.changes, length: length + 1, inodes: reader.existing };
}

class TraceReader {
  readonly changes: Change[] = [];
  readonly existing: ReadonlyMap<string, Inode>;
  readonly #below: string;
  readonly #names: Map<string, Inode>;
  readonly #open = new Map<number, OpenFile>();
  #inodes = 0;

  constructor(below: string, existing: readonly string[]) {
    this.#below = below;
    this.existing = new Map(existing.map((path) => [path, this.#newInode()]));
    this.#names = new Map(this.existing);
  }

  #newInode(): Inode {
    return { id: this.#inodes++ };
  }

  take(call: Call): void {
    const { name, args, begun, done } = call;
    const at = { begun, done };
    const file = this.#open.get(fdIn(args));
    switch (name) {
      case 'openat':
        this.#opened(call);
        return;
      case 'close':
        this.#open.delete(fdIn(args));
        return;
      case 'lseek':
        if (file) file.position = call.result;
        return;
      case 'write':
      case 'pwrite64':
      case 'writev':
        this.#wrote(call, file);
        return;
      case 'fsync':
      case 'fdatasync':
        if (file?.inode) this.changes.push({ type: 'sync', inode: file.inode, ...at });
        else if (file) this.changes.push({ type: 'syncFolder', path: file.path, ...at });
        return;
      case 'ftruncate':
        if (file?.inode)
          this.changes.push({
            type: 'truncate',
            inode: file.inode,
            sizeBytes: Number(/, (\d+) *$/.exec(args)![1]),
            ...at,
          });
        return;
      case 'mkdir':
      case 'unlink': {
        const path = String(stringsIn(args)[0]);
        if (!path.startsWith(this.#below)) return;
        this.changes.push({ type: name, path, ...at });
        this.#names.delete(path);
        return;
      }
      case 'rename': {
        const [path, to] = stringsIn(args).map(String) as [string, string];
        this.changes.push({ type: 'rename', path, to, ...at });
        this.#names.set(to, this.#names.get(path)!);
        this.#names.delete(path);
        return;
      }
      default:
        // What is not understood must not go unnoticed.
        if (file?.inode) throw new Error(`the trace has a call that is not replayed: ${name}`);
    }
  }

  #opened({ args, result, begun, done }: Call): void {
    const [path, flags = ''] = [String(stringsIn(args)[0]), /O_[A-Z_|]+/.exec(args)?.[0]];
    if (!path.startsWith(this.#below)) return void this.#open.delete(result);
    const isFolder = flags.includes('O_DIRECTORY') || (!this.#names.has(path) && !flags.includes('O_CREAT'));
    let inode = this.#names.get(path);
    if (inode === undefined && !isFolder) {
      inode = this.#newInode();
      this.#names.set(path, inode);
      this.changes.push({ type: 'create', path, inode, begun, done });
    }
    const isDurable = flags.includes('O_DSYNC') || /O_SYNC/.test(flags);
    this.#open.set(result, { inode, path, isDurable, appends: flags.includes('O_APPEND'), position: 0 });
  }

  #wrote({ name, args, result, begun, done }: Call, file: OpenFile | undefined): void {
    const fd = fdIn(args);
    const data = Buffer.concat(stringsIn(args)).subarray(0, result);
    if (!file) {
      if (fd === 1 || fd === 2) this.changes.push({ type: 'said', text: data.toString(), begun, done });
      return;
    }
    if (!file.inode) return;
    const offset = name === 'pwrite64' ? Number(/, (\d+) *$/.exec(args)![1]) : file.position;
    if (name !== 'pwrite64') file.position += result;
    const { inode, isDurable } = file;
    this.changes.push({ type: 'write', inode, offset, data, isDurable, begun, done });
  }
}

/** The folder whose entry a change makes or removes. */
export const folderOf = (path: string): string => dirname(join(path));
