/**
 * The lines in kB that follow the mapping of `path` in `/proc/self/smaps`, in bytes; of several mappings of one file the
 * sums. Names are in lower case, as the metric has them. Empty: the file is not mapped.
 */
export function smapsOf(text: string, path: string): Map<string, number> {
  const sizes = new Map<string, number>();
  let within = false;
  for (const line of text.split('\n')) {
    const mapping = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+\s*(.*)$/.exec(line);
    if (mapping !== null) {
      within = mapping[1] === path;
      continue;
    }
    const size = within ? /^(\w+):\s+(\d+) kB$/.exec(line) : null;
    if (size === null) continue;
    const [, name, kilobytes] = size;
    const key = name!.toLowerCase();
    const before = sizes.get(key) ?? 0;
    const bytes = Number(kilobytes) * 1024;
    // The two page sizes are properties of the mapping: a sum of them would mean nothing.
    sizes.set(key, key.endsWith('pagesize') ? bytes : before + bytes);
  }
  return sizes;
}
