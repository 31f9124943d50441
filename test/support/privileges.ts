/**
 * What to put before a command so that the modes of files hold for it: root ignores them, unless its capabilities are taken away.
 * Empty for any other user.
 */
export const withoutPrivileges: readonly string[] =
  process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all'] : [];
