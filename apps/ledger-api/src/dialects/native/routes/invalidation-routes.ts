import { asRoute } from '../people/people-contract.js';
import { SSE } from './event-routes.js';
import type { RouteContract } from './route-contract.js';
import { text } from './schemas.js';

export { SSE };

export const READ_INVALIDATIONS = asRoute<object, object>({
  method: 'GET',
  path: '/v1/invalidations',
  operationId: 'readInvalidations',
  tag: 'Gateways',
  summary: 'Follow what cached answers must be forgotten',
  description: [
    'Server-sent events, as they happen: `token-revoked`, `token-rotated` and `token-updated`, each a CloudEvent 1.0 in structured mode, the same messages as on Kafka. A cached answer about `data.tokenId` whose `position` is below `data.position` is out of date. A secret in its grace ends at `data.graceEndsAt`, without a further message.',
    'Every second, at once after connecting, and within 100 ms after other events were passed over, a `ledger-position` event says with `{"position","at"}` that everything up to there has been told. A reader that hears nothing for longer has lost its connection, and should trust nothing that it has cached.',
    'Each `id` is a position; `Last-Event-ID` resumes after it, and one that this log does not have is refused with 400. Without it the answer starts at the present.',
    'For operators, who are told about every organization; for admins, and for tokens with the scope `ledger:events:read`, who are told about theirs. The answer is cut when the credential dies.',
  ].join('\n\n'),
  access: { who: 'event-readers' },
  status: 200,
  answer: { description: 'Goes on until either side ends it.', schema: text, mediaType: SSE },
  problems: ['FORBIDDEN', 'INSUFFICIENT_SCOPE', 'OVERLOADED'],
});

export const INVALIDATION_ROUTES: readonly RouteContract[] = [READ_INVALIDATIONS];
