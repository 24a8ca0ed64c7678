import { systemContext } from '@ledger/commands';
import { openWithOneToken } from '../made-history.js';
import type { OpenPeer } from '../peer-process.js';
import { callers } from '../rounds.js';

const CALLERS = 64;

/** Charges to one token by 64 callers at once, in process: the whole write path of a charge, without HTTP. */
export const open: OpenPeer = async (directory) => {
  const { ledger, orgId, token } = await openWithOneToken(directory);
  const { tokenId, secretId } = token;
  const subject = { kind: 'token', tokenId, secretId } as const;
  const charge = { subject, orgId, cost: 1, operation: 'GET /invoices' };
  const context = systemContext('00000000-0000-4000-8000-000000000000');
  return {
    round: (ms) =>
      callers(CALLERS, ms, async () => {
        const { outcome } = await ledger.quotaQueue.consume(charge, context);
        if (outcome !== 'accepted') throw new Error('a charge was refused');
      }),
    close: () => ledger.close(),
  };
};
