import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Config, type ConfigError, ConfigValueError, loadConfig } from '../../src/config/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { MINIMAL, parse, parseLmdb, parseStorage, parseWith, problemOf } from './support.ts';

function expectRefused(action: () => Config, key: string, what: RegExp): void {
  const problem = problemOf(action);
  expect(problem).toBeInstanceOf(ConfigValueError);
  expect({ key: problem.key, code: problem.code }).toEqual({ key, code: 'CONFIG_VALUE' });
  expect(`${problem.message} (${problem.hint})`).toMatch(what);
}

describe('defaults', () => {
  const config = parse(MINIMAL);

  it('top level', () => {
    expect(config).toMatchObject({
      instance: 'one',
      lmdbPollIntervalMs: 1000,
      lmdbLogStatsIntervalMs: 1_800_000,
      lmdbScrapeSmaps: true,
      storagePollIntervalMs: 1000,
      storageRetryIntervalMs: 5000,
      storageRetryCount: 100,
      storageRetryForever: false,
      storageForceSnapshotIntervalMs: 14_400_000,
      memoryDownloadedSnapshots: 2,
      memoryDecompressedSnapshots: 3,
      onlyOnce: false,
      fullScanIntervalMs: 21_600_000,
      lmdbLockMaxMs: 100,
      peers: [],
      workers: 0,
      maxDecompressedSizeBytes: 64 * 2 ** 30,
      acceptStale: false,
      http: { address: '' },
      log: { level: 'info', format: 'human', timestamp: 'short' },
    });
  });

  it('a database', () => {
    expect(config.lmdbs.get('main')).toEqual({
      name: 'main',
      path: '/var/lib/app/lmdb',
      options: { noSubdir: false, create: false, dirMask: 0o775, fileMask: 0o664, mapSizeBytes: 0, maxDbs: 64 },
      schemaTracksChanges: false,
      ...{ dupsortHack: false, headerExtraPaddingBlock: false, dbiOptions: new Map() },
      ...{ droppedDbis: 'keep', acceptSchemaChange: false, shadow: 'inline', shadowPath: '' },
    });
  });

  it('sweeper, cleanup, health', () => {
    const times = { intervalMs: 5000, warnDurationMs: 60_000, errorDurationMs: 300_000 };
    expect(config.sweeper).toEqual({
      enabled: false,
      retentionDays: 370,
      intervalMs: 21_600_000,
      firstIntervalMs: 600_000,
      lockDurationMs: 50,
      releaseDurationMs: 50,
      retentionLoadCutoffDurationMs: 0,
    });
    expect(config.storage.cleanup).toEqual({
      enabled: false,
      intervalMs: 300_000,
      mustKeepIntervalMs: 600_000,
      removeOldInstancesIntervalMs: 604_800_000,
    });
    expect(config.health).toEqual({
      storageList: times,
      storageLoad: times,
      storageStore: times,
      start: { ...times, intervalMs: 1000, reportHealthz: false, reportMetadata: true },
    });
  });
});

describe('values that are refused', () => {
  it.each([
    ['log: {level: loud}', 'log.level', /"loud": must be one of: debug, info, warning, error, fatal/], // CFG-01
    ['log: {level: ""}', 'log.level', /one of/],
    ['log: {level: }', 'log.level', /one of/],
    ['log: {format: xml}', 'log.format', /one of: human, logfmt, json/], // CFG-02
    ['log: {timestamp: long}', 'log.timestamp', /one of: short, disable, full/], // CFG-03
    ['http: {address: "8500"}', 'http.address', /no port.*host:port/], // CFG-09
    ['lmdb_poll_interval: 99ms', 'lmdb_poll_interval', /at least 100ms/], // CFG-10
    ['storage_poll_interval: 0', 'storage_poll_interval', /at least 100ms/],
    ['storage_retry_interval: -1s', 'storage_retry_interval', /at least 100ms/],
    ['storage_force_snapshot_interval: 59s', 'storage_force_snapshot_interval', /at least 1m.*0s turns it off/], // CFG-11
    ['storage_force_snapshot_interval: -1h', 'storage_force_snapshot_interval', /at least 1m/],
    ['storage_retry_forever: yes\nstorage_retry_count: 0', 'storage_retry_count', /at least 1/], // CFG-12
    ['memory_downloaded_snapshots: 0', 'memory_downloaded_snapshots', /at least 1/], // CFG-13
    ['memory_decompressed_snapshots: -1', 'memory_decompressed_snapshots', /at least 1/],
    ['sweeper: {retention_days: 0}', 'sweeper.retention_days', /above 0.*comes back/], // from here: W18
    ['sweeper: {interval: 0s}', 'sweeper.interval', /above 0/],
    ['sweeper: {first_interval: -1s}', 'sweeper.first_interval', /negative/],
    ['sweeper: {lock_duration: -1s}', 'sweeper.lock_duration', /negative/],
    ['sweeper: {release_duration: -1s}', 'sweeper.release_duration', /negative/],
    ['health: {start: {interval: 0}}', 'health.start.interval', /above 0/],
    ['health: {storage_load: {interval: -5s}}', 'health.storage_load.interval', /above 0/],
    ['full_scan_interval: -1s', 'full_scan_interval', /negative/],
    ['lmdb_log_stats_interval: -1s', 'lmdb_log_stats_interval', /negative/],
    ['lmdb_lock_max: -1s', 'lmdb_lock_max', /negative/],
    ['workers: -1', 'workers', /negative/],
    ['max_decompressed_size: 0', 'max_decompressed_size', /above 0/],
  ])('%s', (line, key, what) => {
    expectRefused(() => parseWith(line), key, what);
  });

  it.each([
    ['options: {file_mask: 640}', 'lmdbs.main.options.file_mask', /octal: write 0640/], // CFG-06
    ['options: {dir_mask: 01000}', 'lmdbs.main.options.dir_mask', /octal/], // CFG-07
    ['options: {file_mask: -1}', 'lmdbs.main.options.file_mask', /octal/],
    ['schema_tracks_changes: yes, dupsort_hack: yes', 'lmdbs.main.schema_tracks_changes', /together/], // CFG-08
    ['options: {max_dbs: 2}', 'lmdbs.main.options.max_dbs', /second one for its shadow/],
    ['options: {max_dbs: -1}, schema_tracks_changes: yes', 'lmdbs.main.options.max_dbs', /too few/],
    ['options: {map_size: 1.5GB}', 'lmdbs.main.options.map_size', /whole numbers/],
    ['dbi_options: {a.b: {override_create_flags: NOPE}}', 'lmdbs.main.dbi_options.a.b.override_create_flags', /NOPE/],
    ['dbi_options: {d: {override_create_flags: DUPFIXED}}', 'lmdbs.main.dbi_options.d.override_create_flags', /loses/],
  ])('a database with %s', (keys, key, what) => {
    expectRefused(() => parseLmdb(keys), key, what);
  });

  it('max_dbs 2 is enough where the application tracks changes itself: there are no shadows', () => {
    const config = parseLmdb('options: {max_dbs: 2}, schema_tracks_changes: yes');
    expect(config.lmdbs.get('main')?.options.maxDbs).toBe(2);
  });

  it.each([
    ['', /needs a name/],
    ['ma__in', /two underscores/],
    ['main_', /underscore at the end/],
    ['ma/in', /slash/],
    ['main.db', /first dot/],
    ['ma\\tin', /control character/],
  ])('the database name "%s"', (name, what) => {
    expectRefused(
      () => parse(`lmdbs: {"${name}": {path: /db}}\nstorage: {type: memory}`),
      `lmdbs.${name.replace('\\t', '\t')}`,
      what,
    );
  });

  it.each(['main', 'shard-0', 'pdns_5', '_main', 'Größe', 'a b'])('the database name "%s" is fine', (name) => {
    expect(parse(`lmdbs: {"${name}": {path: /db}}\nstorage: {type: memory}`).lmdbs.has(name)).toBe(true);
  });

  it.each([
    ['no path', 'a: {}', 'lmdbs.a.path', /no path/], // CFG-05
    ['one path twice', 'a: {path: /db}, b: {path: /x/../db/}', 'lmdbs.b.path', /LMDB of "a" already.*locks/],
    [
      'one data file twice',
      'a: {path: /db}, b: {path: /db/data.mdb, options: {no_subdir: yes}}',
      'lmdbs.b.path',
      /already/,
    ],
  ])('%s', (_name, lmdbs, key, what) => {
    expectRefused(() => parse(`lmdbs: {${lmdbs}}\nstorage: {type: memory}`), key, what);
  });

  it('one data file under two names that a link leads to, also before it is there', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'real'));
    symlinkSync(join(folder, 'real'), join(folder, 'link'));
    const file = join(folder, 'config.yaml');
    const databases = ['real', 'link'].map((name) => `  ${name}: {path: ${folder}/${name}/new}\n`).join('');
    writeFileSync(file, `lmdbs:\n${databases}storage: {type: memory}\n`);
    expectRefused(() => loadConfig(file), 'lmdbs.link.path', /LMDB of "real" already/);
    mkdirSync(join(folder, 'real', 'new'));
    writeFileSync(join(folder, 'real', 'new', 'data.mdb'), '');
    expectRefused(() => loadConfig(file), 'lmdbs.link.path', /LMDB of "real" already/);
    linkSync(join(folder, 'real', 'new', 'data.mdb'), join(folder, 'hard'));
    const second = `lmdbs:\n  a: {path: ${folder}/real/new}\n  b: {path: ${folder}/hard, options: {no_subdir: yes}}\n`;
    writeFileSync(file, `${second}storage: {type: memory}\n`);
    expectRefused(() => loadConfig(file), 'lmdbs.b.path', /LMDB of "a" already/);
  });

  it('a folder and a file beside each other are two databases', () => {
    const config = parse('lmdbs: {a: {path: /db}, b: {path: /db, options: {no_subdir: yes}}}\nstorage: {type: memory}');
    expect(config.lmdbs.size).toBe(2);
  });
});

describe('several mistakes', () => {
  const keysOf = (text: string): string[] => {
    const problem = problemOf(() => parse(text));
    return [problem, ...problem.others].map((each) => (each as ConfigError).key);
  };

  it('are told all at once, in the order of the file', () => {
    expect(
      keysOf(
        'lmdb_pol_interval: 1s\nlog: {level: loud, fromat: json}\nlmdbs:\n  main: {path: /db, options: {create: 7}}\n' +
          'workers: many\nstorage: {type: s3, options: {bukcet: b, create_bucket: 7}}',
      ),
    ).toEqual([
      'lmdb_pol_interval',
      'log.level',
      'log.fromat',
      'lmdbs.main.options.create',
      'workers',
      'storage.options.create_bucket',
      'storage.options.bukcet',
    ]);
  });

  it('of values that are of the right kind, too', () => {
    expect(keysOf('workers: -1\nlmdbs: {a: {}, b_: {path: /x}}\nstorage: {type: tape}\nhttp: {address: x}')).toEqual([
      'workers',
      'lmdbs.a.path',
      'lmdbs.b_',
      'storage.type',
      'http.address',
    ]);
  });
});

describe('values that are accepted', () => {
  it.each([
    ['WARN', 'warning'],
    ['trace', 'debug'],
    ['panic', 'fatal'],
    ['Debug', 'debug'],
  ])('log level %s is %s', (word, level) => {
    expect(parseWith(`log: {level: ${word}}`).log.level).toBe(level);
  });

  it('limits themselves', () => {
    expect(parseWith('lmdb_poll_interval: 100ms\nstorage_force_snapshot_interval: 1m').lmdbPollIntervalMs).toBe(100);
    expect(
      parseWith('sweeper: {lock_duration: 0, release_duration: 0, first_interval: 0}').sweeper.lockDurationMs,
    ).toBe(0);
    expect(parseWith('full_scan_interval: 0\nlmdb_log_stats_interval: 0').fullScanIntervalMs).toBe(0);
    expect(parseWith('log: {timestamp: ""}').log.timestamp).toBe('short');
  });

  it('health checks run at most once a second, and never look into the future', () => {
    const { storageList } = parseWith('health: {storage_list: {interval: 1ms, warn_duration: -1s}}').health;
    expect(storageList).toEqual({ intervalMs: 1000, warnDurationMs: 0, errorDurationMs: 300_000 });
  });

  it('override_create_flags: nothing and no flags are two things', () => {
    const options = parseLmdb('dbi_options: {a: {}, b: {override_create_flags: 0}, c: {override_create_flags: }}');
    const dbis = options.lmdbs.get('main')!.dbiOptions;
    expect(dbis.get('a')).toEqual({});
    expect(dbis.get('b')).toEqual({ overrideCreateFlags: 0 });
    expect(dbis.get('c')).toEqual({});
  });
});

describe('storage', () => {
  it.each([
    ['{}', 'storage.type', /no storage type.*s3, azure, fs, memory/],
    ['{type: ftp}', 'storage.type', /no storage type "ftp"/],
    ['{type: S3}', 'storage.type', /did you mean s3/],
    ['{type: fs}', 'storage.options.root_path', /required/],
    ['{type: fs, options: [a]}', 'storage.options', /expected a mapping/],
    ['{type: s3, root_path: /a, options: {bucket: b}}', 'storage.root_path', /fs only/],
    ['{type: s3}', 'storage.options.bucket', /required/],
    ['{type: s3, options: {bucket: b, access_key: a}}', 'storage.options.secret_key', /belong together/],
    ['{type: s3, options: {bucket: b, secret_key_file: a}}', 'storage.options.access_key', /belong together/],
    ['{type: s3, options: {bucket: b, endpoint_url: "localhost:9000"}}', 'storage.options.endpoint_url', /scheme/],
    ['{type: s3, options: {bucket: b, endpoint_url: "http://"}}', 'storage.options.endpoint_url', /URL/],
    [
      '{type: s3, options: {bucket: b, access_key_file: a, secret_key_file: b, secrets_refresh_interval: 999ms}}',
      'storage.options.secrets_refresh_interval',
      /at least 1s/,
    ],
    ['{type: s3, options: {bucket: b, tls: {watch_certs: 1}}}', 'storage.options.tls.watch_certs', /true or false/],
    ['{type: azure, options: {account_name: a}}', 'storage.options.container', /required/],
    ['{type: azure, options: {container: c}}', 'storage.options.account_name', /endpoint_url/],
    [
      '{type: azure, options: {container: c, account_name: a, use_shared_key: yes, account_key: "half a key"}}',
      'storage.options.account_key',
      /not base64/,
    ],
    [
      '{type: azure, options: {container: c, account_name: a, use_shared_key: yes}}',
      'storage.options.use_shared_key',
      /account_key/,
    ],
    ['{type: memory, cleanup: {interval: 0}}', 'storage.cleanup.interval', /above 0/],
    ['{type: memory, cleanup: {must_keep_interval: -1s}}', 'storage.cleanup.must_keep_interval', /above 0/],
    [
      '{type: memory, cleanup: {remove_old_instances_interval: 0}}',
      'storage.cleanup.remove_old_instances_interval',
      /above 0/,
    ],
  ])('%s is refused', (storage, key, what) => {
    expectRefused(() => parseStorage(storage), key, what);
  });

  it('unknown options are refused with the ones there are; memory looks at none', () => {
    const problem = problemOf(() => parseStorage('{type: s3, options: {bukcet: b}}'));
    expect(problem).toMatchObject({ key: 'storage.options.bukcet', hint: 'did you mean bucket?' });
    expect(problem.place.line).toBe(2);
    expect(parseStorage('{type: memory, options: {colour: red}}').storage.options).toEqual({});
  });

  it('s3: defaults, and credentials left to the environment', () => {
    const { storage } = parseStorage(
      '{type: s3, options: {bucket: b, num_minio_threads: 0, access_key: , secret_key: "", tls: {ca: ~}}}',
    );
    expect(storage.options).toEqual({
      region: 'us-east-1',
      bucket: 'b',
      createBucket: false,
      prefixFolders: false,
      hideFolders: false,
      disableSendContentMd5: false,
      globalPrefix: '',
      tls: {
        addSystemCaPool: false,
        watchCerts: false,
        watchCertsPollIntervalMs: 5000,
        requireClientCert: false,
        insecureSkipVerify: false,
      },
      secretsRefreshIntervalMs: 15_000,
      initTimeoutMs: 20_000,
      idleConnTimeoutMs: 90_000,
      maxIdleConns: 100,
      dialTimeoutMs: 10_000,
      dialKeepAliveMs: 10_000,
      tlsHandshakeTimeoutMs: 10_000,
      clientTimeoutMs: 900_000,
      useUpdateMarker: false,
      updateMarkerForceListIntervalMs: 300_000,
    });
  });

  it('the deprecated root_path wins over the option, as in the reference', () => {
    const config = parseStorage('{type: fs, root_path: /old, options: {root_path: /new}}');
    expect(config.storage.options).toEqual({ rootPath: '/old' });
    expect(config.warnings).toHaveLength(1);
  });

  it('azure', () => {
    const { storage } = parseStorage(
      '{type: azure, options: {container: c, account_name: a, account_key: a2V5, use_shared_key: yes, concurrency: 3}}',
    );
    expect(storage.options).toMatchObject({ container: 'c', accountKey: 'a2V5', useSharedKey: true, concurrency: 3 });
    expect(parseStorage('{type: azure, options: {container: c, endpoint_url: "http://a/b"}}').storage.type).toBe(
      'azure',
    );
  });
});
