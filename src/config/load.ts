import { readFileSync } from 'node:fs';
import { hostname as systemHostname } from 'node:os';
import type { z } from 'zod';
import { checkConfig } from './checks.ts';
import { type Environment, expandEnvironment } from './environment.ts';
import { type ConfigError, ConfigFileError, ConfigKeyError, type ConfigPlace, ConfigValueError } from './errors.ts';
import type { Field } from './fields.ts';
import { azureSchema, fileSchema, fsSchema, s3Schema } from './schema.ts';
import type { IssueParams } from './section.ts';
import { nearestWord } from './suggest.ts';
import type { Config, HealthTimes, LmdbConfig, StorageBackend } from './types.ts';
import { isYamlMapping, readYaml, type YamlFile, YamlScalar, type YamlTree } from './yaml-tree.ts';

export interface ParseOptions {
  /** As the operator named it; for messages only. */
  readonly file?: string | undefined;
  /** For `$NAME` and `${NAME}`. */
  readonly env?: Environment | undefined;
  /** Names the instance where the file does not. */
  readonly hostname?: (() => string) | undefined;
}

/**
 * Reads and checks a configuration file.
 * @throws ConfigError
 */
export function loadConfig(file: string, options: Omit<ParseOptions, 'file'> = {}): Config {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ConfigFileError(
      `cannot read the configuration: ${(cause as Error).message}`,
      { file },
      {
        cause,
        hint: 'name the file with --config',
      },
    );
  }
  return parseConfig(text, { ...options, file });
}

/**
 * Text → environment → YAML → kinds and defaults → checks; see `docs/configuration.md` for every key.
 * @throws ConfigError for the first problem, with file, line and key
 */
export function parseConfig(text: string, options: ParseOptions = {}): Config {
  const { file, env = process.env, hostname = systemHostname } = options;
  const expanded = expandEnvironment(text, env, file);
  const source: Source = { file, yaml: readYaml(expanded.text, file) };
  const parsed = decode(fileSchema, source.yaml.root, [], source);
  // Before the storage, so that an empty file is told what it is about.
  if (parsed.lmdbs.size === 0) {
    throw valueError('no LMDBs configured', ['lmdbs'], source, 'name at least one database under lmdbs, with its path');
  }
  const warnings = expanded.warnings;
  const { rootPath, ...storage } = parsed.storage;
  if (rootPath !== undefined) warnings.push('storage.root_path is deprecated: write storage.options.root_path');
  const backend = readBackend(storage.type, storage.options, rootPath, source);
  const config: Config = {
    ...parsed,
    instance: parsed.instance || hostname(),
    lmdbs: new Map([...parsed.lmdbs].map(([name, lmdb]) => [name, withLmdbDefaults({ name, ...lmdb })])),
    storage: { ...backend, cleanup: storage.cleanup },
    health: {
      storageList: withFloors(parsed.health.storageList),
      storageLoad: withFloors(parsed.health.storageLoad),
      storageStore: withFloors(parsed.health.storageStore),
      start: withFloors(parsed.health.start),
    },
    warnings,
  };
  for (const problem of checkConfig(config)) throw valueError(problem.what, problem.path, source, problem.hint);
  return config;
}

interface Source {
  readonly file: string | undefined;
  readonly yaml: YamlFile;
}

/** Runs a schema; the first issue in the order of the file becomes the error. */
function decode<T>(schema: Field<T>, tree: YamlTree, at: readonly string[], source: Source): T {
  const result = schema.safeParse(tree);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => describeIssue(issue, at, source));
  throw problems.reduce((first, next) => ((next.place.line ?? 0) < (first.place.line ?? 0) ? next : first));
}

function describeIssue(issue: z.core.$ZodIssue, at: readonly string[], source: Source): ConfigError {
  const path = [...at, ...issue.path.map(String)];
  const params: IssueParams = issue.code === 'custom' ? (issue.params ?? {}) : {};
  const options = { hint: params.hint };
  if (params.unknownKey) return new ConfigKeyError(issue.message, place(path, source), options);
  return new ConfigValueError(issue.message, place(path, source), options);
}

function valueError(what: string, path: readonly string[], source: Source, hint?: string): ConfigValueError {
  return new ConfigValueError(what, place(path, source), { hint });
}

function place(path: readonly string[], { file, yaml }: Source): ConfigPlace {
  return { file, line: yaml.lineOf(path), path };
}

/** The options of a backend are read with its own schema; `memory` takes none and, as in the reference, ignores any. */
function readBackend(type: string, options: YamlTree, rootPath: string | undefined, source: Source): StorageBackend {
  const at = ['storage', 'options'];
  if (rootPath !== undefined && type !== 'fs') {
    throw valueError('is for the storage type fs only', ['storage', 'root_path'], source);
  }
  switch (type) {
    case 's3':
      return { type, options: decode(s3Schema, options, at, source) };
    case 'azure':
      return { type, options: decode(azureSchema, options, at, source) };
    case 'fs':
      return { type, options: decode(fsSchema, withRootPath(options, rootPath), at, source) };
    case 'memory':
      return { type, options: {} };
    default:
      throw unknownStorageType(type, source);
  }
}

/** The deprecated `storage.root_path`; it wins over the option, as in the reference. */
function withRootPath(options: YamlTree, rootPath: string | undefined): YamlTree {
  if (rootPath === undefined || (options !== null && !isYamlMapping(options))) return options;
  return { ...options, root_path: new YamlScalar(rootPath, false) };
}

function unknownStorageType(type: string, source: Source): ConfigValueError {
  const known = ['s3', 'azure', 'fs', 'memory'];
  const path = ['storage', 'type'];
  const hint = `there are ${known.join(', ')}`;
  if (type === '') return valueError('no storage type configured', path, source, hint);
  const near = nearestWord(type, known);
  return valueError(`there is no storage type "${type}"`, path, source, near ? `did you mean ${near}?` : hint);
}

/** 0 or missing stands for these. */
function withLmdbDefaults(lmdb: LmdbConfig): LmdbConfig {
  const { dirMask, fileMask, maxDbs } = lmdb.options;
  return {
    ...lmdb,
    options: { ...lmdb.options, dirMask: dirMask || 0o775, fileMask: fileMask || 0o664, maxDbs: maxDbs || 64 },
  };
}

/** The reference raises a check interval to a second without a word; zero or below is left for the checks to refuse. */
function withFloors<T extends HealthTimes>(times: T): T {
  return {
    ...times,
    intervalMs: times.intervalMs > 0 ? Math.max(times.intervalMs, 1000) : times.intervalMs,
    warnDurationMs: Math.max(times.warnDurationMs, 0),
    errorDurationMs: Math.max(times.errorDurationMs, 0),
  };
}
