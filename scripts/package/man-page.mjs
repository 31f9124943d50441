/**
 * The manual page, of what `lmdbstream docs` prints: commands and flags are those of the program.
 *
 * @param {string} markdown headings, paragraphs, one indented line of usage, tables of flags
 * @param {{ head: string, tail: string, version: string, seconds: number }} frame what is written by hand before and after, in roff
 * @returns {string} roff, man(7)
 */
export function manPage(markdown, { head, tail, version, seconds }) {
  const date = new Date(seconds * 1000).toISOString().slice(0, 10);
  const body = markdown.split('\n').slice(1).flatMap(lineToRoff);
  return [
    `.TH LMDBSTREAM 1 "${date}" "lmdbstream ${version}" "User Commands"`,
    head.trim(),
    '.SH COMMANDS',
    ...body,
    tail.trim(),
    '',
  ]
    .filter((line, index, all) => line !== '.PP' || all[index + 1]?.startsWith('.') !== true)
    .join('\n');
}

/**
 * @param {string} line
 * @returns {string[]}
 */
function lineToRoff(line) {
  if (line === '' || line.startsWith('| Flag |') || line.startsWith('|---')) return [];
  const heading = /^(#+) (.*)$/.exec(line);
  if (heading) return [`.SS ${escapeRoff(heading[2] ?? '')}`];
  const usage = /^ {4}(.*)$/.exec(line);
  if (usage) return ['.PP', '.nf', escapeRoff(usage[1] ?? ''), '.fi'];
  const flag = /^\| `(.*?)` \| (.*) \|$/.exec(line);
  if (flag) return ['.TP', `\\fB${escapeRoff(flag[1] ?? '')}\\fR`, plain(flag[2] ?? '')];
  return ['.PP', plain(line)];
}

/** @param {string} text of Markdown, without its marks */
function plain(text) {
  return escapeRoff(text.replaceAll('\\|', '|').replaceAll('`', ''));
}

/**
 * A backslash, a hyphen that is to be copied as one, and a line that would begin a request.
 * @param {string} text
 */
function escapeRoff(text) {
  const escaped = text.replaceAll('\\', '\\e').replaceAll('-', '\\-');
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}
