import { READ_YOUR_WRITES_MS_MAX } from '@ledger/commands';
import type { ProjectorProgress } from '@ledger/runtime';
import { Failed } from '../../http/answer.js';
import { presentedSecret, type Caller } from '../../http/caller.js';
import type { HttpRequest } from '../../http/exchange.js';
import { minPositionOf } from './native-request.js';
import { badCredential, noCredential, severalCredentials } from './problems/problem.js';

const SCHEMES = ['bearer', 'basic', 'token'];
/** Two credentials folded into one header line. */
const FOLDED = /,\s*(?:bearer|basic|token)\s/i;

/**
 * Finds out who calls. Tokens of every dialect may; what they may do, their scopes say.
 *
 * @param recognise Who a secret belongs to, null for what is no living credential. @throws Refusal
 */
export function authenticate(
  request: HttpRequest,
  recognise: (secret: string) => Caller | null,
): Caller {
  const presented = presentedSecret(request, SCHEMES);
  switch (presented.outcome) {
    case 'none':
      throw noCredential(request.id);
    case 'several':
      throw severalCredentials(request.id);
    case 'invalid':
      if (FOLDED.test(request.headers.authorization ?? '')) throw severalCredentials(request.id);
      throw badCredential(request.id);
    case 'secret': {
      const caller = recognise(presented.secret);
      if (!caller) throw badCredential(request.id);
      return caller;
    }
  }
}

/** Waits, bounded, for the position that the caller has seen elsewhere. @throws Failed `BEHIND` */
export async function untilMinPosition(
  request: HttpRequest,
  progress: ProjectorProgress,
  reached: (position: bigint, timeoutMs: number) => Promise<boolean>,
): Promise<void> {
  const position = minPositionOf(request);
  // A malformed header is named with all other faults, once the caller is known.
  if (position === null || position === undefined || position <= progress.position) return;
  if (await reached(position, READ_YOUR_WRITES_MS_MAX)) return;
  throw new Failed({
    kind: 'unavailable',
    code: 'BEHIND',
    message: `This node has processed the log up to ${progress.position}, not ${position}.`,
    retryAfterSeconds: 1,
  });
}
