import { LmdbstreamError } from '../../errors/index.ts';

/** The sidecar was made beside another state of the LMDB, and nothing tells which of them is the older one. */
export class SidecarMismatchError extends LmdbstreamError {
  constructor(path: string, dataPath: string, why: string) {
    super('SIDECAR_MISMATCH', `the sidecar ${path} does not belong to ${dataPath} as it is now: ${why}`, {
      hint:
        'stop lmdbstream. If the LMDB is an older copy, run `lmdbstream drop-shadow`: what the bucket has wins. If it goes on from where ' +
        'the sidecar stands, and was only moved, remove the sidecar: it is rebuilt from what this instance has published',
    });
  }
}

/** The loop puts that right before it records anything. */
export class SidecarNotWholeError extends LmdbstreamError {
  constructor(path: string, verdict: string) {
    super('SIDECAR_NOT_WHOLE', `the sidecar ${path} does not know all that it should (${verdict})`, {
      hint: 'start `lmdbstream sync`, which rebuilds it from the bucket',
    });
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
