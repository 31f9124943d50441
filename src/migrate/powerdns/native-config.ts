import { isMap, parseDocument } from 'yaml';
import { parseConfig } from '../../config/index.ts';
import { NewConfigError } from '../errors.ts';

/**
 * The text of a configuration for the newer PowerDNS, comments kept: `schema_tracks_changes: true`, no `dupsort_hack`, and another place in
 * the bucket, for the old objects have the old DBIs. Pure.
 *
 * @param databases names of those that belong to PowerDNS
 * @param suffix of the folder (`fs`), or part of the prefix (`s3`, `azure`)
 * @throws NewConfigError where the file is written in a way that cannot be edited
 */
export function nativeConfigText(
  text: string,
  databases: readonly string[],
  suffix: string,
  { path, env }: { readonly path: string; readonly env: Readonly<Record<string, string | undefined>> },
): string {
  const document = parseDocument(text, { merge: true });
  const byHand = 'the present configuration is written with aliases; edit a copy by hand (docs/migration.md)';
  for (const name of databases) {
    const lmdb = document.getIn(['lmdbs', name]);
    if (!isMap(lmdb)) throw new NewConfigError(path, byHand);
    lmdb.set('schema_tracks_changes', true);
    lmdb.set('dupsort_hack', false);
  }
  const before = parseConfig(text, { env }).storage;
  if (before.type === 'fs') {
    const at = document.hasIn(['storage', 'root_path'])
      ? ['storage', 'root_path']
      : ['storage', 'options', 'root_path'];
    document.setIn(at, `${String(document.getIn(at)).replace(/\/+$/, '')}-${suffix}`);
  } else if (before.type !== 'memory') {
    const at = ['storage', 'options', 'global_prefix'];
    document.setIn(at, `${document.hasIn(at) ? String(document.getIn(at)) : ''}${suffix}/`);
  }
  const result = document.toString({ lineWidth: 0 });
  const { lmdbs } = parseConfig(result, { env });
  if (databases.some((name) => !lmdbs.get(name)?.schemaTracksChanges)) throw new NewConfigError(path, byHand);
  return result;
}
