import { createHmac, hkdfSync, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  AesGcmCipher,
  EventStore,
  EventStoreDbStore,
  ledgerFiles,
  LedgerLock,
  StoreUnavailable,
  type EventStoreDbOptions,
  type LedgerMark,
} from '@ledger/event-store';
import { readModelOrigin } from '@ledger/read-models';
import { openLedger, type Ledger, type LedgerParts } from './ledger.js';
import { createMasterKeyUnlessThere, masterKeyFile, readMasterKeyFile } from './master-key.js';
import { SharedStoreFault } from './shared-store-config.js';
import { WatchedEventStore } from './watched-event-store.js';

/** How a process opens a log that it shares with others. */
export interface SharedLedgerOptions extends Pick<
  LedgerParts,
  'windowLength' | 'retryWindowMs' | 'onRebuild' | 'clock'
> {
  readonly database: Omit<EventStoreDbOptions, 'cipher' | 'deadlineMs' | 'openTimeoutMs'>;
  /** Of this process alone: its read models, and the key where no other place is given. */
  readonly directory: string;
  readonly keyFile?: string | undefined;
  readonly stalenessMaxMs: number;
  /** How long to wait for a database that does not answer yet. */
  readonly startTimeoutMs: number;
  /** Whether to begin the log where nobody has. */
  readonly begins: boolean;
  /** Told what is being waited for, at every attempt in vain. */
  readonly onWaiting?: ((reason: string) => void) | undefined;
}

type Connecting = Pick<SharedLedgerOptions, 'database' | 'startTimeoutMs' | 'onWaiting'>;

/** The database is there and nobody has begun this ledger in it. */
export class LedgerNotBegun extends Error {
  override readonly name = 'LedgerNotBegun';
}

/** The key is another ledger's. */
class ForeignKeyFault extends SharedStoreFault {}

/** All that a request may have to wait for ends within this, so that it is answered within two seconds (R8). */
const ANSWER_MS_MAX = 1_800;
const STORE_CALL_MS_MAX = 1_500;
const SILENCE_MS_MAX = 1_000;
const ATTEMPT_MS = 2_000;
/** Between two attempts to connect; less than this is not worth another one. */
const PAUSE_MS = 200;
const READ_MODELS = 'read-models.sqlite';

/**
 * Opens a ledger whose log lies in EventStoreDB. Any number of processes may, each with a data directory of its
 * own, and all with the same key.
 *
 * @throws LedgerNotBegun, SharedStoreFault, StoreUnavailable, StoreDamaged With what to do about it.
 */
export async function openShared(options: SharedLedgerOptions): Promise<Ledger> {
  const directory = resolve(options.directory);
  prepareDirectory(directory);
  const lock = LedgerLock.acquire(ledgerFiles(directory));
  const keyFile = options.keyFile ?? masterKeyFile(directory);
  try {
    const isKeyNew = options.begins && createMasterKeyUnlessThere(keyFile);
    try {
      return await openLocked(options, directory, keyFile, lock);
    } catch (error) {
      // A key that opens nothing must not be taken for the ledger's own the next time.
      if (isKeyNew && error instanceof ForeignKeyFault) rmSync(keyFile, { force: true });
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

/**
 * Opens the log alone: for work on a ledger whose read models stand still. Nodes may run meanwhile.
 *
 * @throws LedgerNotBegun, SharedStoreFault, StoreUnavailable, StoreDamaged With what to do about it.
 */
export async function openSharedLog(
  options: Connecting & { readonly keyFile: string },
): Promise<EventStore> {
  const { keyFile } = options;
  const masterKey = readMasterKeyFile(keyFile);
  const store = await connect(options, masterKey);
  try {
    await identify(store, { options: { ...options, begins: false }, masterKey, keyFile });
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openLocked(
  options: SharedLedgerOptions,
  directory: string,
  keyFile: string,
  lock: LedgerLock,
): Promise<Ledger> {
  const masterKey = readMasterKeyFile(keyFile);
  const store = await connect(options, masterKey);
  try {
    const readModelFile = join(directory, READ_MODELS);
    const { ledgerId } = await identify(store, { options, masterKey, keyFile, readModelFile });
    const { windowLength, retryWindowMs, onRebuild, clock, stalenessMaxMs } = options;
    const ledger = await openLedger({
      ...{ ledgerId, masterKey, readModelFile, windowLength, retryWindowMs, stalenessMaxMs },
      ...(onRebuild && { onRebuild }),
      ...(clock && { clock }),
      store: new WatchedEventStore(store, { silenceMs: SILENCE_MS_MAX }),
      checkpoints: 'own-thread',
      answerMsMax: ANSWER_MS_MAX,
    });
    return {
      ...ledger,
      async close() {
        await ledger.close();
        lock.release();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** @throws SharedStoreFault For the directory of an embedded ledger. */
function prepareDirectory(directory: string): void {
  if (existsSync(ledgerFiles(directory).database)) {
    throw new SharedStoreFault(
      `${directory} holds a ledger of the embedded store. Set LEDGER_DATA_DIR to another directory, for the ` +
        'read models of this node, or LEDGER_STORE=sqlite to serve that ledger.',
    );
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 });
}

/** Tries until the database answers. @throws StoreUnavailable The last reason, when the time is over. */
async function connect(
  { database, startTimeoutMs, onWaiting }: Connecting,
  masterKey: Buffer,
): Promise<EventStoreDbStore> {
  const until = performance.now() + startTimeoutMs;
  for (;;) {
    const openTimeoutMs = Math.max(PAUSE_MS, Math.min(ATTEMPT_MS, until - performance.now()));
    const cipher = new AesGcmCipher(masterKey);
    const attempt = { ...database, cipher, openTimeoutMs, deadlineMs: STORE_CALL_MS_MAX };
    try {
      return await EventStoreDbStore.open(attempt);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      const reason = reasonOf(error);
      if (performance.now() + PAUSE_MS >= until) {
        const text = `EventStoreDB did not answer within ${startTimeoutMs} ms: ${reason}. See docs/eventstoredb.md`;
        throw new StoreUnavailable(text, { cause: error });
      }
      onWaiting?.(reason);
    }
    await new Promise((done) => setTimeout(done, PAUSE_MS));
  }
}

function reasonOf({ message, cause }: Error): string {
  return cause instanceof Error ? `${message} (${cause.message})` : message;
}

interface Claim {
  readonly options: Pick<SharedLedgerOptions, 'database' | 'begins'>;
  readonly masterKey: Buffer;
  readonly keyFile: string;
  /** Absent where there are no read models to compare the log with. */
  readonly readModelFile?: string;
}

/** Finds out whose log this is, or begins it; refuses whatever does not belong together. */
async function identify(
  store: EventStoreDbStore,
  { options, masterKey, keyFile, readModelFile }: Claim,
): Promise<LedgerMark> {
  const head = await store.head();
  const origin = readModelFile === undefined ? undefined : readModelOrigin(readModelFile);
  const found = await store.mark();
  const where = `under the prefix '${options.database.streamPrefix ?? 'ledger-'}'`;
  if (!found && head > 0n) {
    throw new SharedStoreFault(
      `the database holds events ${where}, and not the mark that says whose they are: the mark was deleted, or ` +
        'something else writes streams with this prefix',
    );
  }
  if (!found && origin) {
    throw new SharedStoreFault(
      `this node has read models of the ledger ${origin.ledgerId}, and the database holds no ledger ${where}: ` +
        `it was lost, or LEDGER_EVENTSTOREDB_URL names another one. For a new ledger, delete ${readModelFile}`,
    );
  }
  if (!found && !options.begins) {
    throw new LedgerNotBegun(
      `the database holds no ledger ${where}, and in production none is made implicitly. Make one with ` +
        '`npx token-ledger bootstrap`, or set LEDGER_EVENTSTOREDB_URL to where it is.',
    );
  }
  const mark = found ?? (await store.markAs(newMark(masterKey)));
  const { ledgerId, keyCheck } = mark;
  if (keyCheck !== keyCheckOf(masterKey, ledgerId)) {
    throw new ForeignKeyFault(
      `${keyFile} is not the key of the ledger ${ledgerId} that the database holds. All nodes need the same ` +
        'key: set LEDGER_MASTER_KEY_FILE to it, or LEDGER_EVENTSTOREDB_URL to the ledger of this key.',
    );
  }
  if (origin && origin.ledgerId !== ledgerId) {
    throw new SharedStoreFault(
      `the read models in ${readModelFile} were made from the ledger ${origin.ledgerId}, and the database holds ` +
        `${ledgerId}. If that is meant, delete the file and start again.`,
    );
  }
  if (origin && origin.position > head) {
    throw new SharedStoreFault(
      `the log ends at position ${head}, before the event at ${origin.position} that this node has seen: it was ` +
        'cut, or restored from an older backup. Bring back the log that belongs here. If the older one is meant, ' +
        `revoke again what was revoked since, then delete ${readModelFile} on every node.`,
    );
  }
  return mark;
}

function newMark(masterKey: Buffer): LedgerMark {
  const ledgerId = randomUUID();
  return { ledgerId, keyCheck: keyCheckOf(masterKey, ledgerId) };
}

/** Differs for every ledger, so that nobody can tell from it whether two of them share a key. */
function keyCheckOf(masterKey: Buffer, ledgerId: string): string {
  const key = Buffer.from(hkdfSync('sha256', masterKey, '', 'ledger-mark:v1', 32));
  return createHmac('sha256', key).update(ledgerId).digest('base64url');
}
