import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { LmdbstreamError } from '../../src/errors/index.ts';
import { createLog, descriptorStream, type LogOptions } from '../../src/log/index.ts';

const START_MS = Date.UTC(2026, 10, 23, 11, 32, 53, 999);

/** A log into memory, with a clock that the test moves. */
function memoryLog(options: LogOptions = {}) {
  const lines: string[] = [];
  const clock = { nowMs: START_MS };
  const stream = { write: (line: string) => lines.push(line) };
  return { lines, clock, log: createLog({ stream, now: () => clock.nowMs, ...options }) };
}

describe('logfmt', () => {
  it('is the line of the reference', () => {
    const { lines, log } = memoryLog({ format: 'logfmt' });
    log.child({ instance: 'local' }).info('Cleaner exited', { error: 'context canceled', db: 'main' });
    expect(lines).toEqual([
      'time="2026-11-23T11:32:53Z" level=info msg="Cleaner exited" db=main error="context canceled" instance=local\n',
    ]);
  });

  it.each([
    ['main', 'main'],
    ['', ''],
    ['a-b_c./@^+9', 'a-b_c./@^+9'],
    ['a b', '"a b"'],
    ['a=b', '"a=b"'],
    ['say "no"', String.raw`"say \"no\""`],
    ['two\nlines', String.raw`"two\nlines"`],
    ['bell\u0007\u007f\u009b', String.raw`"bell\u0007\u007f\u009b"`],
    ['Größe', '"Größe"'],
    [12n, '12'],
    [2n ** 64n, '18446744073709551616'],
    [1.5, '1.5'],
    [Number.NaN, 'NaN'],
    [true, 'true'],
    [null, 'null'],
    [['a', 1n], String.raw`"[\"a\",\"1\"]"`],
    [{ a: 1 }, String.raw`"{\"a\":1}"`],
    [new Map([['k', new Set([1])]]), String.raw`"{\"k\":[1]}"`],
    [Buffer.from('abc'), '616263'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ])('the value %s', (value, text) => {
    const { lines, log } = memoryLog({ format: 'logfmt', timestamp: 'disable' });
    log.info('x', { value });
    expect(lines).toEqual([`level=info msg=x value=${text}\n`]);
  });

  it('fields that are undefined are left out, reserved ones moved, odd keys mended', () => {
    const { lines, log } = memoryLog({ format: 'logfmt', timestamp: 'disable' });
    log.warn('x', { nothing: undefined, msg: 1, level: 2, time: 3, 'a b="': 4 });
    expect(lines).toEqual(['level=warning msg=x a_b__=4 fields.level=2 fields.msg=1 fields.time=3\n']);
  });

  it('an error is its message and hint, without a stack', () => {
    const { lines, log } = memoryLog({ format: 'logfmt', timestamp: 'disable' });
    log.error('failed', { error: new LmdbstreamError('MAP_FULL', 'the map is full', { hint: 'raise map_size' }) });
    log.error('failed', { nested: [new Error('deep')] });
    expect(lines[0]).toBe('level=error msg=failed error="the map is full (raise map_size)"\n');
    expect(lines[1]).toBe('level=error msg=failed nested="[\\"deep\\"]"\n');
  });

  it('a value that contains itself ends', () => {
    const { lines, log } = memoryLog({ format: 'logfmt' });
    const loop: { self?: unknown } = {};
    loop.self = loop;
    log.info('x', { loop });
    expect(lines[0]).toContain('…');
  });
});

describe('human', () => {
  it('not on a terminal: logfmt with the database in front', () => {
    const { lines, log } = memoryLog({ timestamp: 'disable' });
    log.child({ db: 'main' }).error('Sync failed');
    log.child({ db: 'a-database-with-a-long-name' }).error('Sync failed');
    log.info('started');
    expect(lines).toEqual([
      'level=error msg="[main          ] Sync failed" db=main\n',
      'level=error msg="[a-database-with-a-long-name] Sync failed" db=a-database-with-a-long-name\n',
      'level=info msg=started\n',
    ]);
  });

  it.each([
    ['short', '\u001b[33mWARN\u001b[0m[0012] '],
    ['disable', '\u001b[33mWARN\u001b[0m '],
    ['full', '\u001b[33mWARN\u001b[0m[2026-11-23T11:33:05Z] '],
  ] as const)('on a terminal, timestamp %s', (timestamp, start) => {
    const { lines, log, clock } = memoryLog({ isTty: true, timestamp });
    clock.nowMs += 12_000;
    log.warn('slow\u001b[2J', { db: 'main' });
    expect(lines).toEqual([`${start}${'[main          ] slow\\u001b[2J'.padEnd(44)} \u001b[33mdb\u001b[0m=main\n`]);
  });

  it('on a terminal, without fields, after the clock went back', () => {
    const { lines, log, clock } = memoryLog({ isTty: true });
    clock.nowMs -= 60_000;
    log.info('hello');
    expect(lines).toEqual(['\u001b[36mINFO\u001b[0m[0000] hello\n']);
  });
});

describe('json', () => {
  it('has the keys of the reference, and the fields', () => {
    const { lines, log } = memoryLog({ format: 'json' });
    log.child({ db: 'main' }).warn('100 %s {"x":1}\n', { txnId: 2n ** 63n, error: new Error('no'), msg: 'other' });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^[^\n]*\n$/);
    expect(JSON.parse(lines[0]!)).toEqual({
      level: 'warning',
      time: '2026-11-23T11:32:53Z',
      msg: '100 %s {"x":1}\n',
      db: 'main',
      error: 'no',
      txnId: '9223372036854775808',
      'fields.msg': 'other',
    });
  });

  it.each([
    ['debug', 'debug'],
    ['info', 'info'],
    ['warn', 'warning'],
    ['error', 'error'],
  ] as const)('%s has the level %s; no time where it is disabled', (method, level) => {
    const { lines, log } = memoryLog({ format: 'json', level: 'debug', timestamp: 'disable' });
    log[method]('x');
    expect(JSON.parse(lines[0]!)).toEqual({ level, msg: 'x' });
  });
});

describe('levels', () => {
  it.each([
    [undefined, 'iwe'],
    ['debug', 'diwe'],
    ['info', 'iwe'],
    ['warning', 'we'],
    ['error', 'e'],
    ['fatal', ''],
  ] as const)('%s', (level, expected) => {
    for (const format of ['human', 'logfmt', 'json'] as const) {
      const { lines, log } = memoryLog({ level, format });
      for (const each of [log, log.child({ a: 1 })]) {
        each.debug('d');
        each.info('i');
        each.warn('w');
        each.error('e');
      }
      expect(lines).toHaveLength(2 * expected.length);
    }
  });
});

it('a child’s field wins over its parent’s, a line’s over both', () => {
  const { lines, log } = memoryLog({ format: 'logfmt', timestamp: 'disable' });
  const child = log.child({ a: 1, b: 1 }).child({ b: 2 });
  child.info('x', { c: 3 });
  child.info('x', { a: 4 });
  expect(lines).toEqual(['level=info msg=x a=1 b=2 c=3\n', 'level=info msg=x a=4 b=2\n']);
});

describe('a file descriptor', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lmdbstream-log-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(['logfmt', 'json'] as const)('has each line when the call returns: %s', (format) => {
    const file = join(folder, format);
    const fd = openSync(file, 'w');
    const log = createLog({ format, stream: descriptorStream(fd) });
    for (let count = 1; count <= 100; count++) {
      log.info('line', { count });
      expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(count + 1);
    }
    closeSync(fd);
  });

  it('that nobody reads any more does no harm', () => {
    const fd = openSync(join(folder, 'closed'), 'w');
    const log = createLog({ stream: descriptorStream(fd) });
    closeSync(fd);
    expect(() => log.info('line')).not.toThrow();
  });
});

describe('on a terminal without colours', () => {
  it('has the same lines, and no escape sequences', () => {
    const { lines, log } = memoryLog({ isTty: true, hasColours: false });
    log.warn('a message', { key: 'value' });
    expect(lines[0]).toMatch(/^WARN\[0000\] a message +key=value\n$/);
  });
});
