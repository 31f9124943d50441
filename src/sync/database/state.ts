import type { PublisherFacts } from '../publish/index.ts';
import type { DatabasePhase } from '../status/index.ts';

/** What the last listing and the loads since say. */
export interface RemoteFacts {
  /** Instances of which an object is neither merged nor refused. */
  readonly waitingFor: number;
  /** One of our own objects is among them (I5). */
  readonly ownIsDue: boolean;
  /** An instance's object cannot be loaded at the moment. */
  readonly hasTrouble: boolean;
}

export interface StepSettings {
  readonly mode: 'sync' | 'receive';
  readonly onlyOnce: boolean;
  /** Between two listings. */
  readonly storagePollIntervalMs: number;
  /** `storage_force_snapshot_interval`; 0: never. */
  readonly forceSnapshotIntervalMs: number;
}

/** Where the loop of a database stands; see the table at `step`. */
export type Stage =
  | 'opening'
  | 'listing'
  | 'checking'
  | 'recovering'
  | 'recording'
  | 'joining'
  | 'running'
  | 'stopping'
  | 'ended';

export interface DatabaseState {
  readonly stage: Stage;
  readonly settings: StepSettings;
  /** The database was not empty when it was opened. */
  readonly hasDataAtStart: boolean;
  /** Local changes were recorded since then. */
  readonly hasLocalChanges: boolean;
  /** Every start publishes once (LOOP-13), after what the first listing showed was merged. */
  readonly owesFirst: boolean;
  /** Objects merged while something of ours waited to be published. */
  readonly loadsSinceDue: number;
  readonly remote: RemoteFacts;
  readonly publisher: PublisherFacts;
  readonly isPublisherRunning: boolean;
  /** Downloads that wait until what is due has been taken out of the database. */
  readonly heldBack: readonly string[];
  readonly isListing: boolean;
  /** Something happened while a listing was under way. */
  readonly listsAgain: boolean;
}

/** What happened to a database. */
export type DatabaseEvent =
  | { readonly type: 'opened'; readonly hasData: boolean }
  | { readonly type: 'listed'; readonly remote: RemoteFacts }
  | { readonly type: 'listFailed' }
  /** The instance was not away for too long. */
  | { readonly type: 'checked' }
  /** What is known of the entries is whole. */
  | { readonly type: 'recovered' }
  /** What changed while nobody looked is recorded. */
  | { readonly type: 'recorded' }
  /** An object was merged, refused or found gone, or its time to try again has come. */
  | { readonly type: 'settled'; readonly remote: RemoteFacts }
  /** The bucket hints that something is new. */
  | { readonly type: 'news' }
  | { readonly type: 'localChange' }
  /** The data file was looked at; `sinceFullMs`: since our last full snapshot. */
  | { readonly type: 'looked'; readonly sinceFullMs: number; readonly txnId: number }
  /** An object was downloaded and waits to be merged. */
  | { readonly type: 'downloaded'; readonly id: string }
  | { readonly type: 'merged' }
  | { readonly type: 'publisher'; readonly facts: PublisherFacts }
  | { readonly type: 'timer' }
  /** A stop was asked for, or something failed for good. */
  | { readonly type: 'stop' }
  /** Everything but the publisher has ended. */
  | { readonly type: 'workEnded' }
  | { readonly type: 'publisherEnded' };

/** What is to be done. */
export type DatabaseAction =
  | { readonly type: 'tellPhase'; readonly phase: DatabasePhase }
  | { readonly type: 'list' }
  | { readonly type: 'checkStale' }
  /** Rebuild what is known of the entries, where it was lost (decision 16). */
  | { readonly type: 'recover' }
  /** Record what changed while nobody looked. */
  | { readonly type: 'record' }
  /** Start loading what is due. */
  | { readonly type: 'load' }
  /** Look at the data file: a reader that is held all the while would make the application's file grow. */
  | { readonly type: 'look' }
  /** Merge a download. */
  | { readonly type: 'merge'; readonly id: string }
  | { readonly type: 'startPublisher' }
  /** Watch the database and the bucket, and start upkeep. */
  | { readonly type: 'startWork' }
  | { readonly type: 'publish' }
  /** An event `timer` at this time, instead of the one asked for before. */
  | { readonly type: 'wake'; readonly atMs: number }
  /** A single pass is done. */
  | { readonly type: 'tellDone' }
  /** Abort everything but the publisher. */
  | { readonly type: 'stopWork' }
  /** What is due gets one last attempt. */
  | { readonly type: 'stopPublisher' }
  | { readonly type: 'end' };

export interface Step {
  readonly state: DatabaseState;
  readonly actions: readonly DatabaseAction[];
}

export function initialState(settings: StepSettings): DatabaseState {
  return {
    stage: 'opening',
    settings,
    hasDataAtStart: false,
    hasLocalChanges: false,
    owesFirst: false,
    loadsSinceDue: 0,
    remote: { waitingFor: 0, ownIsDue: false, hasTrouble: false },
    publisher: { isDue: false, isAtBucket: false, hasGivenUp: false },
    isPublisherRunning: false,
    heldBack: [],
    isListing: false,
    listsAgain: false,
  };
}
