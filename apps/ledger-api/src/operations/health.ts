import type { Ledger } from '@ledger/runtime';
import type { ServiceState } from './service-state.js';

/** A healthy node is a few events behind; more than a second's work at full load is too much. */
const LAG_EVENTS_MAX = 10_000;
/** A flush takes milliseconds; the slowest disks worth using take well under this. */
const APPEND_MS_MAX = 5_000;
const HEAD_MS_MAX = 1_000;

/** What makes a node unready, and what to do about it. docs/operations.md explains each. */
export const CHECKS = {
  starting: 'Wait: the store is being opened, or the read models brought up to date.',
  stopping: 'Nothing: the process was asked to stop and finishes what is under way.',
  'store-failed':
    'See the log line store.failed, mend the disk, and let the process be started again.',
  'store-stalled':
    'Look at the disk of the data directory, or at EventStoreDB and the network to it: it has not answered for seconds.',
  'disk-full':
    'Make room on the disk of the data directory: only revocations are written until then.',
  'read-models-failed':
    'See the log for the event that could not be applied; update the service, or see `token-ledger skip-event`.',
  'read-models-too-old':
    'Look at EventStoreDB and the network to it: this node cannot know what other nodes have revoked.',
  'relay-failing':
    'Look at Kafka and the network to it: nothing is lost, but gateways fed by it learn of revocations late.',
  'relay-stopped':
    'See the log for the event that has no message; update the service, or see `token-ledger skip-event`.',
  'read-models-behind': 'Wait, or lower the load: this node does not know yet what the log holds.',
} as const;

export type Check = keyof typeof CHECKS;

export interface FailedCheck {
  readonly check: Check;
  readonly problem: string;
  readonly remedy: string;
}

export interface HealthReport {
  readonly status: 'ok' | 'failed';
  readonly failed: readonly FailedCheck[];
  /** What is wrong while the node can still serve: it is ready, and needs somebody. */
  readonly warned?: readonly FailedCheck[];
}

/** Whether the process should be sent requests. */
export async function readiness(state: ServiceState): Promise<HealthReport> {
  const failed: FailedCheck[] = [];
  if (state.phase === 'stopping') failed.push(failure('stopping', 'the process is stopping'));
  const { ledger } = state;
  if (state.phase === 'starting' || !ledger) failed.push(notStarted(state));
  else failed.push(...storeFailures(ledger), ...(await readModelFailures(ledger)));
  const isFull = ledger?.store.commits?.isDiskFull ?? false;
  const warned = isFull ? [failure('disk-full', 'the disk has no room for another write')] : [];
  return report(failed, [...warned, ...(await relayTroubles(state))]);
}

/** Whether the process has come up: until then it must be left alone, however long it takes. */
export function startup(state: ServiceState): HealthReport {
  return report(state.phase === 'starting' ? [notStarted(state)] : []);
}

function notStarted({ rebuild, waitingFor }: ServiceState): FailedCheck {
  if (waitingFor !== undefined) return failure('starting', `waiting for ${waitingFor}`);
  if (!rebuild) return failure('starting', 'the ledger is being opened');
  const { position, head } = rebuild;
  return failure('starting', `the read models are at position ${position} of ${head}`);
}

/** Requests are answered whatever becomes of messages: the log keeps them until they can be sent. */
async function relayTroubles({ relay }: ServiceState): Promise<readonly FailedCheck[]> {
  const status = await relay?.status();
  if (status?.state !== 'failing' && status?.state !== 'stopped') return [];
  const check = status.state === 'failing' ? 'relay-failing' : 'relay-stopped';
  return [failure(check, `at position ${status.position}: ${status.problem ?? 'unknown'}`)];
}

/** A full disk does not count: it refuses writes for as long as it is full, while all else goes on (R4). */
function storeFailures({ store }: Ledger): readonly FailedCheck[] {
  if (store.failure) return [failure('store-failed', 'the store takes no more writes')];
  if (store.silentMs !== undefined) {
    const text = `the store has not answered for ${Math.round(store.silentMs)} ms`;
    return [failure('store-stalled', text)];
  }
  const waitedMs = Math.round(store.oldestPendingMs);
  if (waitedMs <= APPEND_MS_MAX) return [];
  return [failure('store-stalled', `an append has waited for ${waitedMs} ms`)];
}

async function readModelFailures(ledger: Ledger): Promise<readonly FailedCheck[]> {
  const { projector, progress, freshness } = ledger;
  const { position } = projector;
  if (projector.failure) {
    return [failure('read-models-failed', `the read models stopped at position ${position}`)];
  }
  if (freshness?.isTooOld) {
    const { ageMs, problem = 'the log was not looked at' } = freshness;
    const text = `what others appended was last known to be held ${Math.round(ageMs)} ms ago: ${problem}`;
    return [failure('read-models-too-old', text)];
  }
  // Then the store has been told of already, and would not say where the log ends.
  if (ledger.store.silentMs !== undefined) return [];
  const head = await headOf(ledger);
  if (head === undefined) return [failure('store-stalled', 'the log could not be read')];
  // Positions of a shared log are places in a file, and say nothing of the number of events between them.
  const isFarBehind = freshness === undefined && head - position > LAG_EVENTS_MAX;
  if (isFarBehind || progress.mustNotJudge) {
    return [
      failure('read-models-behind', `the read models are at position ${position} of ${head}`),
    ];
  }
  return [];
}

/** Position of the newest event; undefined when the store does not say in time. */
export async function headOf({ store }: Ledger): Promise<bigint | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), HEAD_MS_MAX);
  });
  try {
    return await Promise.race([store.head(), late]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

function report(failed: readonly FailedCheck[], warned: readonly FailedCheck[] = []): HealthReport {
  const status = failed.length === 0 ? 'ok' : 'failed';
  return warned.length === 0 ? { status, failed } : { status, failed, warned };
}

function failure(check: Check, problem: string): FailedCheck {
  return { check, problem, remedy: CHECKS[check] };
}
