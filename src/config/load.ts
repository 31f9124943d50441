import { readFileSync } from 'node:fs';
import { hostname as systemHostname } from 'node:os';
import { resolve } from 'node:path';
import { checkConfig } from './checks.ts';
import { type Environment, expandEnvironment } from './environment.ts';
import { ConfigFileError } from './errors.ts';
import type { Field } from './fields.ts';
import { fileIdentity } from './file-identity.ts';
import { ConfigProblems } from './problems.ts';
import type { Problem } from './rules.ts';
import { azureSchema, fileSchema, fsSchema, s3Schema } from './schema.ts';
import type { IssueParams } from './section.ts';
import { nearestWord } from './suggest.ts';
import type { Config, HealthTimes, LmdbConfig, StorageBackend } from './types.ts';
import { isYamlMapping, readYaml, YamlScalar, type YamlTree } from './yaml-tree.ts';

export interface ParseOptions {
  /** As the operator named it; for messages only. */
  readonly file?: string | undefined;
  /** For `$NAME` and `${NAME}`. */
  readonly env?: Environment | undefined;
  /** Names the instance where the file does not. */
  readonly hostname?: (() => string) | undefined;
  /** The same text for two paths of one data file; default: compares the paths as such. */
  readonly identityOf?: ((dataFile: string) => string) | undefined;
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
    const { code, message } = cause as NodeJS.ErrnoException;
    const hint = UNREADABLE_HINTS[code ?? ''] ?? 'name another file with --config';
    throw new ConfigFileError(`cannot read the configuration: ${message}`, { file }, { cause, hint });
  }
  return parseConfig(text, { identityOf: fileIdentity, ...options, file });
}

const UNREADABLE_HINTS: Readonly<Record<string, string>> = {
  ENOENT: 'name the file with --config',
  EISDIR: 'it is a folder: name the file in it with --config',
  EACCES: 'let this user read it, or name another file with --config',
};

/**
 * Text → environment → YAML → kinds and defaults → checks; see `docs/configuration.md` for every key.
 * @throws ConfigError for the first problem, with file, line and key; the others are in `others`
 */
export function parseConfig(text: string, options: ParseOptions = {}): Config {
  const { file, env = process.env, hostname = systemHostname, identityOf = resolve } = options;
  const expanded = expandEnvironment(text, env, file);
  const yaml = readYaml(expanded.text, file);
  const problems = new ConfigProblems(file, yaml);
  const parsed = decode(fileSchema, yaml.root, [], problems);
  if (parsed === undefined) {
    findOptionProblems(yaml.root, problems);
    problems.throwIfAny();
  }
  const { lmdbs, storage: storageSection, health, ...rest } = parsed!;
  // Before the storage, so that an empty file is told what it is about.
  if (lmdbs.size === 0) {
    const hint = 'name at least one database under lmdbs, with its path';
    problems.add({ path: ['lmdbs'], what: 'no LMDBs configured', hint });
  }
  const warnings = expanded.warnings;
  const { rootPath, ...storage } = storageSection;
  if (rootPath !== undefined) warnings.push('storage.root_path is deprecated: write storage.options.root_path');
  const backend = readBackend(storage.type, storage.options, rootPath, problems) ?? STAND_IN;
  const config: Config = {
    ...rest,
    instance: rest.instance || hostname(),
    lmdbs: new Map([...lmdbs].map(([name, lmdb]) => [name, withLmdbDefaults({ name, ...lmdb })])),
    storage: { ...backend, cleanup: storage.cleanup },
    health: {
      storageList: withFloors(health.storageList),
      storageLoad: withFloors(health.storageLoad),
      storageStore: withFloors(health.storageStore),
      start: withFloors(health.start),
    },
    warnings,
  };
  for (const problem of checkConfig(config, identityOf)) problems.add(problem);
  problems.throwIfAny();
  return config;
}

/** In place of a backend that cannot be read: lets the other checks go on, and never leaves `parseConfig`. */
const STAND_IN: StorageBackend = { type: 'memory', options: {} };

/** Runs a schema. @returns undefined when there were problems */
function decode<T>(schema: Field<T>, tree: YamlTree, at: readonly string[], problems: ConfigProblems): T | undefined {
  const result = schema.safeParse(tree);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const path = [...at, ...issue.path.map(String)];
    const { known }: IssueParams = issue.code === 'custom' ? (issue.params ?? {}) : {};
    if (known === undefined) problems.add({ path, what: issue.message });
    else problems.add({ path, what: issue.message, hint: keyHint(path.at(-1)!, known), isUnknownKey: true });
  }
  return undefined;
}

function keyHint(key: string, known: readonly string[]): string {
  const near = nearestWord(key, known);
  return near === undefined ? `known here: ${known.join(', ')}` : `did you mean ${near}?`;
}

/** The options of the storage are read by themselves; here when the rest of the file could not be. */
function findOptionProblems(root: YamlTree, problems: ConfigProblems): void {
  const storage = isYamlMapping(root) ? (root.storage ?? null) : null;
  if (!isYamlMapping(storage) || !(storage.type instanceof YamlScalar)) return;
  readBackend(storage.type.text, storage.options ?? null, undefined, problems);
}

/**
 * The options of a backend are read with its own schema; `memory` takes none and, as in the reference, ignores any.
 * @returns undefined when there were problems
 */
function readBackend(
  type: string,
  options: YamlTree,
  rootPath: string | undefined,
  problems: ConfigProblems,
): StorageBackend | undefined {
  const at = ['storage', 'options'];
  if (rootPath !== undefined && type !== 'fs') {
    problems.add({ path: ['storage', 'root_path'], what: 'is for the storage type fs only' });
  }
  switch (type) {
    case 's3':
      return backendOf(type, decode(s3Schema, options, at, problems));
    case 'azure':
      return backendOf(type, decode(azureSchema, options, at, problems));
    case 'fs':
      return backendOf(type, decode(fsSchema, withRootPath(options, rootPath), at, problems));
    case 'memory':
      return { type, options: {} };
    default:
      problems.add(unknownStorageType(type));
      return undefined;
  }
}

function backendOf<T extends string, O>(type: T, options: O | undefined): { type: T; options: O } | undefined {
  return options === undefined ? undefined : { type, options };
}

/** The deprecated `storage.root_path`; it wins over the option, as in the reference. */
function withRootPath(options: YamlTree, rootPath: string | undefined): YamlTree {
  if (rootPath === undefined || (options !== null && !isYamlMapping(options))) return options;
  return { ...options, root_path: new YamlScalar(rootPath, false) };
}

function unknownStorageType(type: string): Problem {
  const known = ['s3', 'azure', 'fs', 'memory'];
  const path = ['storage', 'type'];
  const hint = `there are ${known.join(', ')}`;
  if (type === '') return { path, what: 'no storage type configured', hint };
  const near = nearestWord(type, known);
  return { path, what: `there is no storage type "${type}"`, hint: near ? `did you mean ${near}?` : hint };
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
