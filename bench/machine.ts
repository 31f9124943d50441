import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { liblmdb } from '../src/lmdb/index.ts';

/** What the figures were measured on, one line each. */
export function machineLines(folder: string, bareDescription: string): string[] {
  const processors = cpus();
  const [, fileSystem] = execFileSync('df', ['--output=source,fstype', folder], { encoding: 'utf8' })
    .trim()
    .split('\n');
  const [device, type] = fileSystem!.split(/\s+/);
  return [
    `${processors.length} cores, ${processors[0]?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB of memory`,
    `Linux ${release()}, LMDB files and bucket in a folder on ${type} (${device})`,
    `Node ${process.version}, ${liblmdb().versionText}`,
    `bare liblmdb work: ${bareDescription}`,
  ];
}
