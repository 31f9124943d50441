import { type ConfigError, ConfigKeyError, ConfigValueError } from './errors.ts';
import type { Problem } from './rules.ts';
import type { YamlFile } from './yaml-tree.ts';

interface Found extends Problem {
  readonly isUnknownKey?: boolean;
}

/** Gathers what is wrong with a file, so that the operator mends it in one go. */
export class ConfigProblems {
  readonly #file: string | undefined;
  readonly #yaml: YamlFile;
  readonly #found: Found[] = [];

  constructor(file: string | undefined, yaml: YamlFile) {
    this.#file = file;
    this.#yaml = yaml;
  }

  add(problem: Found): void {
    this.#found.push(problem);
  }

  /** @throws ConfigError: the first problem in the order of the file, with all the others */
  throwIfAny(): void {
    const lineOf = ({ path }: Found): number => this.#yaml.lineOf(path) ?? Number.MAX_SAFE_INTEGER;
    const [first, ...others] = this.#found.toSorted((left, right) => lineOf(left) - lineOf(right));
    if (first === undefined) return;
    throw this.#errorOf(
      first,
      others.map((problem) => this.#errorOf(problem)),
    );
  }

  #errorOf({ path, what, hint, isUnknownKey }: Found, others: readonly ConfigError[] = []): ConfigError {
    const place = { file: this.#file, line: this.#yaml.lineOf(path), path };
    const ErrorClass = isUnknownKey ? ConfigKeyError : ConfigValueError;
    return new ErrorClass(what, place, { hint, others });
  }
}
