import { ConfigSyntaxError } from './errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** `${…}` up to the next brace, one special character or digit, or a name; as Go's `os.Expand` reads them. */
const REFERENCE = /\$(?:\{([^}]*)\}|([*#$@!?\-0-9])|([A-Za-z_][A-Za-z0-9_]*)|(\{))/g;

/**
 * Puts environment variables into the text of a configuration, before it is read as YAML: the reference does the same,
 * and there are files that build whole lines out of a variable. A variable that is not set becomes nothing.
 *
 * Ours: `$$` is one dollar sign. (In the reference it vanishes, so no file that works there can rely on it.)
 * A brace that is never closed on its line is refused: the reference swallows everything up to the next `}`.
 *
 * Warnings give the line and never the name: `pa$word` in a password would otherwise be half printed.
 */
export function expandEnvironment(text: string, env: Environment, file?: string): { text: string; warnings: string[] } {
  const unsetLines = new Set<number>();
  let line = 1;
  let scanned = 0;
  const expanded = text.replace(REFERENCE, (whole, braced, special, bare, unclosed, offset: number) => {
    for (; scanned < offset; scanned++) if (text[scanned] === '\n') line++;
    const inComment = /^[ \t]*#/.test(text.slice(text.lastIndexOf('\n', offset) + 1, offset + 1));
    const name: string = braced ?? special ?? bare ?? '';
    if (unclosed !== undefined || name.includes('\n')) {
      if (inComment) return whole;
      throw new ConfigSyntaxError(
        'a ${ is not closed on its line',
        { file, line },
        { hint: 'write $$ for a dollar sign' },
      );
    }
    if (name === '$') return '$';
    const value = env[name];
    if (value === undefined && !inComment) unsetLines.add(line);
    return value ?? '';
  });
  const warnings = [...unsetLines].map(
    (at) =>
      `${file ?? 'configuration'}:${at}: an environment variable is not set and was replaced by nothing (write $$ for a dollar sign)`,
  );
  return { text: expanded, warnings };
}
