import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatConfig, redactConfig } from '../../src/config/index.ts';
import { MINIMAL, parse, parseStorage, parseWith } from './support.ts';

const SECRETS = `
storage:
  type: TYPE
  options:
    SPECIFIC
    endpoint_url: https://user:url-s3cret@example.org/path?sig=query-s3cret
    tls: {key: tls-s3cret, key_file: /etc/key.pem, cert: public-cert, insecure_key_log_file: /tmp/log}
`;

const withSecrets = (type: string, specific: string): string =>
  `lmdbs: {main: {path: /db}}${SECRETS.replace('TYPE', type).replace('SPECIFIC', () => specific)}`;

describe('the configuration for a log', () => {
  const s3 = parse(withSecrets('s3', 'bucket: b\n    access_key: AKIAIOSFODNN7\n    secret_key: aws-s3cret'));
  const azure = parse(withSecrets('azure', 'container: c\n    account_key: azure-s3cret\n    account_name: a'));

  it.each([
    ['s3', redactConfig(s3)],
    ['azure', redactConfig(azure)],
  ])('holds no secret: %s', (_type, text) => {
    expect(text).not.toContain('s3cret');
    expect(text).not.toContain('AKIAIOSFODNN7');
    expect(text).toContain('***');
  });

  it('keeps what helps to find a mistake', () => {
    const text = redactConfig(s3);
    expect(text).toContain('access_key: "AKIA***"');
    expect(text).toContain('key_file: "/etc/key.pem"');
    expect(text).toContain('cert: "public-cert"');
    expect(text).toContain('endpoint_url: "https://***@example.org/path?***"');
    expect(text).toContain('insecure_key_log_file: "/tmp/log"');
  });

  it('a short access key is hidden whole, an empty secret is no secret', () => {
    const short = parseStorage('{type: s3, options: {bucket: b, access_key: AKIA1234, secret_key: x}}');
    expect(redactConfig(short)).toContain('access_key: "***"');
    expect(redactConfig(parseStorage('{type: s3, options: {bucket: b}}'))).not.toContain('***');
  });

  it('is the file in its own words and units', () => {
    const text = redactConfig(
      parse(
        `${MINIMAL.replace('/lmdb', '/lmdb\n    options: {map_size: 1024MB, file_mask: 0640}')}log: {level: warn}\n`,
      ),
    );
    expect(text).toContain('map_size: "1GB"');
    expect(text).toMatch(/file_mask: 0o?640\n/);
    expect(text).toContain('storage_force_snapshot_interval: "4h0m0s"');
    expect(text).toContain('level: "warning"');
  });
});

describe('a formatted configuration loads as the same one', () => {
  it.each([
    MINIMAL,
    'lmdbs: {main: {path: /db}}\nstorage: {type: memory}\nsweeper: {retention_days: .inf}\nworkers: 3',
    'lmdbs: {main: {path: /db}}\nstorage: {type: memory}\npeers: ["http://a:1", https://b/x]',
    'lmdbs: {a: {path: /db, dbi_options: {x$$y: {override_create_flags: 6}, yes: {}}}}\nstorage: {type: memory}',
    withSecrets('s3', 'bucket: b\n    access_key: a\n    secret_key: "pa$$word"'),
    withSecrets('azure', 'container: c\n    account_name: a\n    concurrency: 2'),
  ])('%#', (text) => {
    const config = parse(text);
    expect(parse(formatConfig(config))).toEqual(config);
  });

  it('whatever the texts and the numbers are', () => {
    const line = fc.string({ unit: 'grapheme-ascii', minLength: 1 });
    fc.assert(
      fc.property(line, line, fc.integer({ min: 100, max: 1e9 }), fc.nat(), (instance, path, pollMs, mapSizeBytes) => {
        const base = parse(MINIMAL);
        const main = base.lmdbs.get('main')!;
        const config = {
          ...base,
          instance,
          lmdbPollIntervalMs: pollMs,
          lmdbs: new Map([['main', { ...main, path, options: { ...main.options, mapSizeBytes } }]]),
        };
        expect(parse(formatConfig(config))).toEqual(config);
      }),
    );
  });

  it('nothing of the configuration is left out but its warnings', () => {
    const config = parseWith('log: {level: error}');
    const keys = formatConfig(config).match(/^\w+(?=:)/gm) ?? [];
    expect(keys).toHaveLength(Object.keys(config).length - 1);
  });
});
