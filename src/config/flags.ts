import { ConfigFlagError } from './errors.ts';
import { readChoice } from './fields.ts';
import { LOG_FORMATS, LOG_LEVEL_ALIASES, LOG_LEVELS, LOG_TIMESTAMP_ALIASES, LOG_TIMESTAMPS } from './schema.ts';
import type { Config } from './types.ts';

/** Values of the command line, as given; absent or `undefined`: the configuration decides. */
export interface ConfigFlags {
  readonly instance?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly logFormat?: string | undefined;
  readonly logTimestamp?: string | undefined;
  /** `--debug`: the log level `debug`, whatever else is said. */
  readonly debug?: boolean | undefined;
  readonly onlyOnce?: boolean | undefined;
  readonly acceptStale?: boolean | undefined;
}

/**
 * The configuration with the flags over it. A flag can switch something on, not off.
 * @throws ConfigFlagError for a value the configuration would not accept either (the reference ignores it, or crashes)
 */
export function applyFlags(config: Config, flags: ConfigFlags): Config {
  const { level, format, timestamp } = config.log;
  const log = {
    level: flagChoice('--log-level', flags.logLevel, LOG_LEVELS, LOG_LEVEL_ALIASES) ?? level,
    format: flagChoice('--log-format', flags.logFormat, LOG_FORMATS) ?? format,
    timestamp: flagChoice('--log-timestamp', flags.logTimestamp, LOG_TIMESTAMPS, LOG_TIMESTAMP_ALIASES) ?? timestamp,
  };
  return {
    ...config,
    instance: flags.instance || config.instance,
    log: flags.debug ? { ...log, level: 'debug' } : log,
    onlyOnce: config.onlyOnce || flags.onlyOnce === true,
    acceptStale: config.acceptStale || flags.acceptStale === true,
  };
}

function flagChoice<T extends string>(
  flag: string,
  value: string | undefined,
  words: readonly T[],
  aliases: Readonly<Record<string, T>> = {},
): T | undefined {
  if (value === undefined) return undefined;
  try {
    return readChoice(words, aliases, value);
  } catch (cause) {
    throw new ConfigFlagError(`${flag} ${(cause as Error).message}`, { cause });
  }
}
