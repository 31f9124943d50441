import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** What runs at a user's beside our own code. Another package, licence or install script is to be looked at by somebody first. */
interface Locked {
  readonly version: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly integrity?: string;
}

const root = join(import.meta.dirname, '../..');
const read = (file: string): unknown => JSON.parse(readFileSync(join(root, file), 'utf8'));
const lock = read('package-lock.json') as { packages: Record<string, Locked> };
const own = read('package.json') as Record<'dependencies' | 'devDependencies', Record<string, string>>;
const production = Object.entries(lock.packages).filter(
  ([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional,
);

/** So many there are; a few more come with an update, a tree of new ones does not unnoticed. */
const MOST_PACKAGES = 140;
const LICENCES = ['MIT', 'Apache-2.0', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0'];
/** koffi looks for its prebuilt library. */
const WITH_INSTALL_SCRIPT = ['node_modules/koffi'];

describe('production dependencies', () => {
  it('are few', () => {
    expect(production.length).toBeGreaterThan(10);
    expect(production.length).toBeLessThanOrEqual(MOST_PACKAGES);
  });

  it('have licences that we may pass on', () => {
    expect(production.filter(([, { license }]) => !LICENCES.includes(license ?? ''))).toEqual([]);
  });

  it('run nothing when they are installed', () => {
    const scripts = production.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path);
    expect(scripts).toEqual(WITH_INSTALL_SCRIPT);
  });

  it('are known by the hash of their bytes', () => {
    expect(production.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path)).toEqual(
      [],
    );
  });

  it('and those of the tests are named with one exact version', () => {
    const named = { ...own.dependencies, ...own.devDependencies };
    expect(Object.entries(named).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });
});
