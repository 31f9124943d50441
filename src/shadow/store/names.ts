import { DbiFlag, isDbiName, PRIVATE_DBI_PREFIX } from '../../lmdb/index.ts';

export const SHADOW_PREFIX = '_sync_shadow_';

export function shadowName(dbiName: string): string {
  return SHADOW_PREFIX + dbiName;
}

/** Whether LMDB takes the name of the shadow. */
export function canBeShadowed(dbiName: string): boolean {
  return isDbiName(shadowName(dbiName));
}

/** The DBI that a shadow belongs to, or undefined for any other name. */
export function shadowedName(name: string): string | undefined {
  return name.startsWith(SHADOW_PREFIX) && name.length > SHADOW_PREFIX.length
    ? name.slice(SHADOW_PREFIX.length)
    : undefined;
}

/** DBIs that never travel: lmdbstream's and the reference's own. */
export function isPrivate(dbiName: string): boolean {
  return dbiName.startsWith(PRIVATE_DBI_PREFIX);
}

/**
 * Flags of the shadow of a DBI: INTEGERKEY alone is carried over (docs/format.md), and not with DUPSORT, whose shadow keys
 * are byte strings.
 */
export function shadowFlags(dbiFlags: number): number {
  return dbiFlags & DbiFlag.dupSort ? 0 : dbiFlags & DbiFlag.integerKey;
}
