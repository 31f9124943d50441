/** How far a long command is; `total` undefined: nobody knows. */
export interface Progress {
  /** What is being done, for a person: `main: reading objects`. */
  readonly what: string;
  readonly done: number;
  readonly total: number | undefined;
  readonly unit: 'entries' | 'bytes' | 'objects';
}

/** Called often; whoever shows it decides how often that is worth it. */
export type OnProgress = (progress: Progress) => void;

/** Entries between two calls: a call per entry would cost more than the entry. */
export const PROGRESS_EVERY = 4096;
