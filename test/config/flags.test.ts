import { describe, expect, it } from 'vitest';
import { applyFlags, ConfigFlagError } from '../../src/config/index.ts';
import { MINIMAL, parse, parseWith, problemOf } from './support.ts';

describe('flags over the configuration', () => {
  const config = parse(MINIMAL);

  it('nothing given: nothing changes', () => {
    const flags = { instance: undefined, logLevel: undefined, debug: false, onlyOnce: undefined, acceptStale: false };
    expect(applyFlags(config, flags)).toEqual(config);
  });

  it('each one', () => {
    const flags = { instance: 'two', logFormat: 'JSON', logTimestamp: 'full', logLevel: 'warn' };
    expect(applyFlags(config, { ...flags, onlyOnce: true, acceptStale: true })).toEqual({
      ...config,
      instance: 'two',
      log: { level: 'warning', format: 'json', timestamp: 'full' },
      onlyOnce: true,
      acceptStale: true,
    });
    expect(applyFlags(config, { logLevel: 'error', debug: true }).log.level).toBe('debug');
  });

  it('cannot switch off what the file switched on', () => {
    const on = parseWith('only_once: yes\naccept_stale: yes');
    expect(applyFlags(on, { onlyOnce: false, acceptStale: false })).toMatchObject({
      onlyOnce: true,
      acceptStale: true,
    });
  });

  it.each([
    [{ logLevel: 'loud' }, '--log-level "loud": must be one of: debug, info, warning, error, fatal'],
    [{ logLevel: '' }, '--log-level ""'],
    [{ logFormat: 'xml' }, '--log-format "xml": must be one of: human, logfmt, json'],
    [{ logTimestamp: 'long' }, '--log-timestamp "long": must be one of: short, disable, full'],
  ])('%j is refused (the reference ignores it, or crashes at the first line of the log)', (flags, message) => {
    const problem = problemOf(() => applyFlags(config, flags));
    expect(problem).toBeInstanceOf(ConfigFlagError);
    expect(problem.message).toContain(message);
  });
});
