/** Settings of pdns.conf, by name; the last one wins. Of `include-dir` the caller reads the files itself. */
export type PdnsConf = ReadonlyMap<string, string>;

/**
 * Reads the text of pdns.conf: `name=value` lines, `#` comments, `\` at the end of a line that goes on. Names with `+=` add to what is there.
 * Pure; unknown names are kept, for backends have their own.
 */
export function parsePdnsConf(text: string, before: PdnsConf = new Map()): PdnsConf {
  const settings = new Map(before);
  for (const line of text.replace(/\\\r?\n\s*/g, '').split(/\r?\n/)) {
    const match = /^\s*([A-Za-z0-9_-]+)\s*(\+?=)\s*(.*?)\s*$/.exec(line.replace(/(^|\s)#.*$/, ''));
    if (match === null) continue;
    const [, name = '', sign, value = ''] = match;
    const old = settings.get(name);
    settings.set(name, sign === '+=' && old ? `${old},${value}` : value);
  }
  return settings;
}

/** `yes`, `on`, `true`, `1`, or the bare name, as PowerDNS reads a switch. */
export function isOn(conf: PdnsConf, name: string): boolean {
  return /^(?:yes|on|true|1|)$/i.test(conf.get(name) ?? 'no');
}
