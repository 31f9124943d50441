import { describe, expect, it } from 'vitest';
import { redactConfig } from '../../src/config/index.ts';
import { parseWith, problemOf } from './support.ts';

describe('peers', () => {
  it('are a list of URLs, empty without one', () => {
    expect(parseWith('').peers).toEqual([]);
    expect(parseWith('peers:').peers).toEqual([]);
    const { peers } = parseWith('peers:\n  - http://10.0.0.2:8500\n  - "https://proxy/lmdbstream/"');
    expect(peers).toEqual(['http://10.0.0.2:8500', 'https://proxy/lmdbstream/']);
    expect(redactConfig(parseWith('peers: [http://a:1]'))).toMatch(/^peers:\n\s+- "http:\/\/a:1"$/m);
  });

  it.each([
    ['peers: http://a:1', 'peers', /list of texts/],
    ['peers: [{a: b}]', 'peers', /list of texts/],
    ['peers: [a:8500]', 'peers', /a:\/\/ is neither http:\/\/ nor https:\/\//],
    ['peers: ["10.0.0.1:8500"]', 'peers', /"10.0.0.1:8500" is not a URL.*http:\/\/host:port/],
    ['peers: [""]', 'peers', /is not a URL/],
    ['peers: [http://u:secret@a:1]', 'peers', /^(?!.*secret).*URL of a:1 has a user or a password/s],
    ['peers: [http://a:1/?x=1]', 'peers', /query/],
    ['peers: [http://a:1, http://A:1/]', 'peers', /twice/],
    [`peers: [${Array.from({ length: 101 }, (_, n) => `http://h${n}`).join(', ')}]`, 'peers', /at most 100/],
  ])('%s is refused', (line, key, what) => {
    const problem = problemOf(() => parseWith(line));
    expect({ key: problem.key, code: problem.code }).toEqual({ key, code: 'CONFIG_VALUE' });
    expect(`${problem.message} (${problem.hint})`).toMatch(what);
  });
});
