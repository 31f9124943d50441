import { LmdbstreamError } from '../errors/index.ts';

/** Where in the configuration something is wrong; every part is left out when it is not known. */
export interface ConfigPlace {
  /** The file as the operator named it. */
  readonly file?: string | undefined;
  /** Line of the file, from 1. */
  readonly line?: number | undefined;
  /** Keys from the top of the file down, in the file's own spelling: `['lmdbs', 'main', 'path']`. */
  readonly path?: readonly string[] | undefined;
}

interface ConfigErrorOptions {
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  readonly others?: readonly ConfigError[] | undefined;
}

/** Something is wrong with the configuration. The message starts with the place: `file:line: key: …`. */
export class ConfigError extends LmdbstreamError {
  readonly place: ConfigPlace;

  constructor(code: string, what: string, place: ConfigPlace = {}, options: ConfigErrorOptions = {}) {
    super(code, describePlace(place) + what, options);
    this.place = place;
  }

  /** Dotted path of the key at fault, as in the documentation: `lmdbs.main.path`; empty for the file as a whole. */
  get key(): string {
    return (this.place.path ?? []).join('.');
  }
}

/** The file cannot be read. */
export class ConfigFileError extends ConfigError {
  constructor(what: string, place: ConfigPlace, options?: ConfigErrorOptions) {
    super('CONFIG_UNREADABLE', what, place, options);
  }
}

/** The text is not the one YAML document that is expected. */
export class ConfigSyntaxError extends ConfigError {
  constructor(what: string, place: ConfigPlace, options?: ConfigErrorOptions) {
    super('CONFIG_SYNTAX', what, place, options);
  }
}

/** A key that does not exist. */
export class ConfigKeyError extends ConfigError {
  constructor(what: string, place: ConfigPlace, options?: ConfigErrorOptions) {
    super('CONFIG_UNKNOWN_KEY', what, place, options);
  }
}

/** A value of the wrong kind, out of range, or in conflict with another. */
export class ConfigValueError extends ConfigError {
  constructor(what: string, place: ConfigPlace, options?: ConfigErrorOptions) {
    super('CONFIG_VALUE', what, place, options);
  }
}

/** A command line flag with a value that the configuration would not accept either. */
export class ConfigFlagError extends ConfigError {
  constructor(what: string, options?: ConfigErrorOptions) {
    super('CONFIG_FLAG', what, {}, options);
  }
}

function describePlace({ file, line, path }: ConfigPlace): string {
  const position = file === undefined ? (line === undefined ? '' : `line ${line}`) : joinLine(file, line);
  const key = path === undefined || path.length === 0 ? '' : path.join('.');
  return [position, key]
    .filter((part) => part !== '')
    .map((part) => `${part}: `)
    .join('');
}

function joinLine(file: string, line: number | undefined): string {
  return line === undefined ? file : `${file}:${line}`;
}
