import {
  dataPathOf,
  instanceLockPath,
  lockPathOf,
  sidecarPath,
  toldMarkerPath,
  unfinishedSidecarPath,
} from '../paths/index.ts';
import type { Problem } from './rules.ts';
import type { LmdbConfig } from './types.ts';

/** Files that an LMDB needs for itself. */
interface Claim {
  readonly lmdb: LmdbConfig;
  readonly files: readonly string[];
  /** What they are to it, for whoever wants one of them as well. */
  readonly what: string;
  /** The key that is at fault when somebody has one of them already. */
  readonly key: 'path' | 'shadow' | 'shadow_path';
  /** Before the path of the file. */
  readonly subject: string;
  readonly hint: string;
}

/**
 * Every file belongs to one LMDB, and is one thing to it: data file, lock file, sidecar, or what lies beside those. What is configured comes first, so
 * that the place of a sidecar is refused, and not the LMDB that is there.
 */
export function* checkPathsDiffer(
  lmdbs: readonly LmdbConfig[],
  identityOf: (file: string) => string,
): Generator<Problem> {
  const owners = new Map<string, Claim>();
  /** What lies beside the data file of another lies beside that one's, too. */
  const doubles = new Set<string>();
  const known = lmdbs.filter(({ path }) => path !== '');
  for (const claimsOf of [dataFile, lockFiles, toldMarker, defaultSidecar, configuredSidecar]) {
    for (const lmdb of known) {
      const claim = claimsOf(lmdb);
      if (!claim || (claim.key !== 'shadow_path' && doubles.has(lmdb.name))) continue;
      const identities = claim.files.map((file) => identityOf(file));
      const taken = identities.findIndex((identity) => owners.has(identity));
      if (taken < 0) {
        for (const identity of identities) owners.set(identity, claim);
        continue;
      }
      if (claimsOf === dataFile) doubles.add(lmdb.name);
      yield refusal(claim, claim.files[taken]!, owners.get(identities[taken]!)!);
    }
  }
}

function refusal({ lmdb, key, subject, hint }: Claim, file: string, owner: Claim): Problem {
  return {
    path: ['lmdbs', lmdb.name, key],
    what: `${subject}${file} is ${owner.what} of "${owner.lmdb.name}" already`,
    hint,
  };
}

function dataPath({ path, options }: LmdbConfig): string {
  return dataPathOf(path, options.noSubdir);
}

/** A process that opens one LMDB twice loses its locks on it (decision 2). */
function dataFile(lmdb: LmdbConfig): Claim {
  return {
    lmdb,
    files: [dataPath(lmdb)],
    what: 'the LMDB',
    key: 'path',
    subject: '',
    hint: 'one process must not open an LMDB twice: its locks would be lost; remove one of the two',
  };
}

const BESIDE = { key: 'path', hint: 'give one of the two another name, or a folder of its own' } as const;

function lockFiles(lmdb: LmdbConfig): Claim {
  const data = dataPath(lmdb);
  const files = [lockPathOf(data, lmdb.options.noSubdir), instanceLockPath(data)];
  return { lmdb, files, what: 'a lock file', subject: 'its lock file ', ...BESIDE };
}

function toldMarker(lmdb: LmdbConfig): Claim {
  const files = [toldMarkerPath(dataPath(lmdb))];
  return { lmdb, files, what: 'the record of events', subject: 'its record of events ', ...BESIDE };
}

/** Whatever the configuration says now: what is found there is taken for a sidecar, or for one that was left behind. */
function defaultSidecar(lmdb: LmdbConfig): Claim | undefined {
  if (lmdb.shadowPath !== '') return undefined;
  return {
    lmdb,
    files: sidecarFiles(lmdb),
    what: 'the sidecar',
    key: lmdb.shadow === 'sidecar' ? 'shadow' : 'path',
    subject: 'the place of its sidecar ',
    hint:
      lmdb.shadow === 'sidecar'
        ? 'name another place with shadow_path'
        : 'lmdbstream would take that for a sidecar: give one of the two LMDBs another name',
  };
}

function configuredSidecar(lmdb: LmdbConfig): Claim | undefined {
  if (lmdb.shadowPath === '') return undefined;
  return {
    lmdb,
    files: sidecarFiles(lmdb),
    what: 'the sidecar',
    key: 'shadow_path',
    subject: '',
    hint: 'every sidecar is a file of its own: leave the key out for one beside the data file',
  };
}

function sidecarFiles(lmdb: LmdbConfig): string[] {
  const path = sidecarPath(lmdb.shadowPath, dataPath(lmdb));
  const unfinished = unfinishedSidecarPath(path);
  return [path, lockPathOf(path, true), unfinished, lockPathOf(unfinished, true)];
}
