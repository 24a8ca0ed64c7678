import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AesGcmCipher, SqliteEventStore, StoreDamaged, type EventStore } from '@ledger/event-store';
import type { ReadModelState, RebuildProgress, RowComparison } from '@ledger/read-models';
import { openDirectory, type LedgerParts } from './ledger.js';
import { readMasterKey } from './master-key.js';

export type { ReadModelState, RebuildProgress, RowComparison };

/** What became of a full check of a data directory. */
export type DirectoryVerdict =
  | { readonly outcome: 'intact'; readonly ledgerId: string; readonly events: number }
  | {
      readonly outcome: 'broken';
      /** The first event found that is not as it was written; null when it is not one event's fault. */
      readonly position: bigint | null;
      readonly reason: string;
      /** `opening` looks at the files and the newest events only, so earlier ones were not checked. */
      readonly foundBy: 'opening' | 'chain';
    };

/**
 * Checks the files of a ledger, and every event against its hash and its stream. Changes no event.
 *
 * @param onProgress Called with how many events have been checked, and how many there are.
 * @throws StoreUnavailable While another process has the ledger open: the store has no second way in.
 */
export async function verifyDirectory(
  directory: string,
  onProgress: (events: number, of: number) => void = () => undefined,
): Promise<DirectoryVerdict> {
  const opened = await openUnlessBroken(directory);
  if ('outcome' in opened) return opened;
  try {
    const head = Number(await opened.head());
    const verdict = await opened.verifyChain((events) => onProgress(events, head));
    if (verdict.outcome === 'broken') return { ...verdict, foundBy: 'chain' };
    return { ...verdict, ledgerId: opened.ledgerId };
  } finally {
    await opened.close();
  }
}

/** Opens the log alone: for work on a ledger whose read models stand still. @throws As openDirectory. */
export function openDirectoryLog(directory: string): Promise<EventStore> {
  return SqliteEventStore.open({ directory, cipher: new AesGcmCipher(readMasterKey(directory)) });
}

/** What a ledger is and how large it has become. */
export interface LedgerFacts {
  readonly ledgerId: string;
  readonly position: bigint;
  readonly lastEventAt: string | null;
  readonly organizations: number;
  readonly people: number;
  readonly readModels: readonly ReadModelState[];
  /** Every file of the data directory, in bytes. */
  readonly files: Readonly<Record<string, number>>;
  readonly sqliteVersion: string;
}

/** Looks at a ledger; brings its read models up to the head on the way. @throws As openDirectory. */
export async function describeDirectory(
  directory: string,
  settings: Pick<LedgerParts, 'windowLength' | 'onRebuild'>,
): Promise<LedgerFacts> {
  const files = fileSizes(directory);
  const ledger = await openDirectory(directory, { ...settings, retryWindowMs: 0 });
  try {
    const position = await ledger.store.head();
    const [newest] = position === 0n ? [] : await ledger.store.readAllAfter(position - 1n, 1);
    const organizations = ledger.directory.organizations().length;
    const sqlite = ledger.database.query<{ version: string }>('SELECT sqlite_version() AS version');
    return {
      ledgerId: ledger.ledgerId,
      position,
      lastEventAt: newest?.occurredAt ?? null,
      organizations,
      people: ledger.directory.size - organizations,
      readModels: ledger.projector.states(),
      files,
      sqliteVersion: sqlite[0]?.version ?? 'unknown',
    };
  } finally {
    await ledger.close();
  }
}

export interface Replayed {
  readonly position: bigint;
  readonly readModels: readonly ReadModelState[];
  /** How the new rows compare with those before; empty when that was not asked for. */
  readonly comparisons: readonly RowComparison[];
  /** Read models without rows worth comparing: they were rebuilt while the ledger was opened. */
  readonly rebuiltAtOpening: readonly string[];
}

/** Rebuilds every read model from the first event, and lets the new rows answer from then on. */
export async function replayDirectory(
  directory: string,
  settings: Pick<LedgerParts, 'windowLength' | 'onRebuild'> & { readonly compare: boolean },
): Promise<Replayed> {
  const { compare, ...rest } = settings;
  const ledger = await openDirectory(directory, { ...rest, retryWindowMs: 0 });
  try {
    const { projector } = ledger;
    const { rebuiltAtStart: rebuiltAtOpening } = projector;
    const comparisons: RowComparison[] = [];
    await projector.rebuild(settings.onRebuild, (each) => {
      if (compare && !rebuiltAtOpening.includes(each.name)) comparisons.push(each.compare());
    });
    return {
      position: projector.position,
      readModels: projector.states(),
      comparisons,
      rebuiltAtOpening,
    };
  } finally {
    await ledger.close();
  }
}

async function openUnlessBroken(
  directory: string,
): Promise<SqliteEventStore | Extract<DirectoryVerdict, { outcome: 'broken' }>> {
  let masterKey: Buffer;
  try {
    masterKey = readMasterKey(directory);
  } catch (error) {
    // The key is one of the ledger's files: without it nobody can say whose log this is.
    return broken(error);
  }
  try {
    return await SqliteEventStore.open({ directory, cipher: new AesGcmCipher(masterKey) });
  } catch (error) {
    if (error instanceof StoreDamaged) return broken(error);
    throw error;
  }
}

function broken(error: unknown): Extract<DirectoryVerdict, { outcome: 'broken' }> {
  const reason = error instanceof Error ? error.message : String(error);
  return { outcome: 'broken', position: positionIn(reason), reason, foundBy: 'opening' };
}

/** The event that a refusal to open names. A cut log is broken right behind its last event. */
function positionIn(reason: string): bigint | null {
  const cut = /^the log ends at event (\d+),/.exec(reason)?.[1];
  if (cut !== undefined) return BigInt(cut) + 1n;
  const named = /^event (\d+) |^the log has no event at position (\d+)$/.exec(reason);
  const position = named?.[1] ?? named?.[2];
  return position === undefined ? null : BigInt(position);
}

function fileSizes(directory: string): Record<string, number> {
  if (!existsSync(directory)) return {};
  const names = readdirSync(directory).sort();
  return Object.fromEntries(names.map((name) => [name, statSync(join(directory, name)).size]));
}
