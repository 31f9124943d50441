import { LmdbstreamError } from '../../errors/index.ts';

const ANEW =
  'put back the file that belongs to this LMDB; or, where there is none, stop lmdbstream and run `lmdbstream drop-shadow`: it then ' +
  'starts like a machine that joins, and what was changed here and never published gives way to what the bucket has';

/** The sidecar was made beside another state of the LMDB: its times are not those of what is there. */
export class SidecarMismatchError extends LmdbstreamError {
  constructor(path: string, dataPath: string, why: string) {
    super('SIDECAR_MISMATCH', `the sidecar ${path} does not belong to ${dataPath} as it is now: ${why}`, {
      hint: ANEW,
    });
  }
}

/** The bucket has objects of ours that the sidecar knows nothing of: it is missing, or an old one was put back. */
export class SidecarBehindError extends LmdbstreamError {
  constructor(path: string, isMissing: boolean) {
    const what = isMissing ? 'there was none' : 'it is older than the newest of them';
    super(
      'SIDECAR_BEHIND',
      `the bucket has objects of this instance that the sidecar ${path} knows nothing of: ${what}`,
      {
        hint: ANEW,
      },
    );
  }
}

/** Changes are found by comparing pages; without them values and digests of one moment cannot be joined. */
export class SidecarNeedsPagesError extends LmdbstreamError {
  constructor() {
    super('SIDECAR_NEEDS_PAGES', 'shadow: sidecar needs an LMDB whose pages can be read, and four free reader slots', {
      hint: 'write shadow: inline; the log says why pages cannot be read here',
    });
  }
}

/** The LMDB still has shadows of its own. */
export class ShadowInsideError extends LmdbstreamError {
  constructor(dataPath: string) {
    super('SHADOW_INSIDE', `${dataPath} has its shadows inside, and shadow: sidecar is configured`, {
      hint: 'run `lmdbstream shadow move --to sidecar`, or write shadow: inline',
    });
  }
}

/** There is a sidecar, and the shadow is to be inside. */
export class ShadowBesideError extends LmdbstreamError {
  constructor(path: string) {
    super('SHADOW_BESIDE', `the shadow lies in the sidecar ${path}, and shadow: inline is configured`, {
      hint: 'run `lmdbstream shadow move --to inline`, or write shadow: sidecar',
    });
  }
}

/** Made by a later version. */
export class SidecarFormatError extends LmdbstreamError {
  constructor(path: string, format: number) {
    super('SIDECAR_FORMAT', `the sidecar ${path} has format ${format}, which this version does not know`, {
      hint: 'run the version of lmdbstream that made it, or a later one',
    });
  }
}
