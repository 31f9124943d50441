import { execFileSync } from 'node:child_process';
import { renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openEnvironment } from './environments.ts';

describe('the data file behind the path', () => {
  it('is the same, replaced by a compacted copy, missing, or made again', () => {
    const env = openEnvironment();
    env.write((transaction) => void transaction.openOrCreateDbi('a', 0));
    expect(env.dataFileState()).toBe('same');
    const { mtimeNs, size } = statSync(env.dataPath, { bigint: true });
    expect([env.mtimeNano(), BigInt(env.sizeBytes())]).toEqual([mtimeNs, size]);

    const copy = `${env.path}-copy`;
    execFileSync('mkdir', [copy]);
    execFileSync('mdb_copy', ['-c', env.path, copy]);
    utimesSync(join(copy, 'data.mdb'), 1, 1);
    renameSync(join(copy, 'data.mdb'), env.dataPath);
    expect(env.dataFileState()).toBe('replaced');
    // Of the file that is open, not of the one at its path.
    expect(env.mtimeNano()).toBe(mtimeNs);

    rmSync(env.dataPath);
    expect(env.dataFileState()).toBe('missing');
    writeFileSync(env.dataPath, '');
    expect(env.dataFileState()).toBe('replaced');
  });

  it('is another one when its folder was renamed and made again', () => {
    const env = openEnvironment();
    renameSync(env.path, `${env.path}-old`);
    expect(env.dataFileState()).toBe('missing');
    execFileSync('mkdir', [env.path]);
    writeFileSync(env.dataPath, '');
    expect(env.dataFileState()).toBe('replaced');
    rmSync(env.path, { recursive: true });
    renameSync(`${env.path}-old`, env.path);
    expect(env.dataFileState()).toBe('same');
  });
});
