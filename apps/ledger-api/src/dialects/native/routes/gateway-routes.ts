import {
  GATEWAY_ID_FORM,
  GatewayQuery,
  ListGatewaysQuery,
  ReportPositionBody,
} from '../gateways/gateways.dto.js';
import { ORGANIZATION_FORM, POSITION_FORM } from '../events/events.dto.js';
import { asRoute } from '../people/people-contract.js';
import { pageParameters } from './organization-routes.js';
import type { JsonSchema, RouteContract } from './route-contract.js';
import {
  closed,
  count,
  exactly,
  instant,
  listOf,
  orNull,
  pageOf,
  position,
  text,
  uuid,
} from './schemas.js';

const TAG = 'Gateways';
const GATEWAY = '/v1/gateways/{gatewayId}';

const gatewayId: JsonSchema = { ...text, pattern: GATEWAY_ID_FORM };

const gateway = exactly({
  id: gatewayId,
  orgId: orNull({
    ...uuid,
    description: "Whose tokens it judges; null for the operator's, which judge all.",
  }),
  position: { ...position, description: 'The highest position that it has applied.' },
  reporting: { type: 'boolean', description: 'False once it stopped for good.' },
  since: { ...instant, description: 'When it first reported.' },
  reportedAt: { ...instant, description: 'When it last said anything new.' },
});

const FOR_READERS =
  'For operators; for admins, and for tokens with the scope `ledger:events:read`, each within their organizations.';

const WHOSE = `The gateway is that of the calling token's organization, or, called by an operator, the operator's own. \`org\` names another organization's: for its admins, and for operators. A gateway's name matches \`${GATEWAY_ID_FORM}\` and is unique among those of its owner.`;

const whose = {
  type: GatewayQuery,
  parameters: {
    org: {
      description: 'Whose gateway it is, by id or slug.',
      schema: { type: 'string', pattern: ORGANIZATION_FORM },
    },
  },
} as const;

export const LIST_GATEWAYS = asRoute<ListGatewaysQuery, object>({
  method: 'GET',
  path: '/v1/gateways',
  operationId: 'listGateways',
  tag: TAG,
  summary: 'List the gateways that have ever reported',
  description: `The operator's own are shown to everybody whose tokens they judge.\n\n${FOR_READERS}`,
  access: { who: 'event-readers' },
  query: { type: ListGatewaysQuery, parameters: pageParameters },
  status: 200,
  answer: { description: 'One page, in the order of their names.', schema: pageOf(gateway) },
  problems: ['FORBIDDEN', 'INSUFFICIENT_SCOPE'],
});

export const REPORT_POSITION = asRoute<GatewayQuery, ReportPositionBody>({
  method: 'PUT',
  path: GATEWAY,
  operationId: 'reportGatewayPosition',
  tag: TAG,
  summary: 'Tell which position a gateway has applied',
  description: [
    'Everything up to this position has been applied. To be told once at the start, and after messages were applied: it is no sign of life. A position that is not ahead of the last one changes nothing; one ahead of the log is refused.',
    WHOSE,
    FOR_READERS,
  ].join('\n\n'),
  access: { who: 'event-readers' },
  query: whose,
  body: {
    type: ReportPositionBody,
    required: true,
    schema: closed({ position: { type: 'string', pattern: POSITION_FORM } }, ['position']),
  },
  isWrite: true,
  status: 204,
  answer: { description: 'It is known.' },
  problems: ['FORBIDDEN', 'INSUFFICIENT_SCOPE', 'NOT_FOUND'],
});

export const RETIRE_GATEWAY = asRoute<GatewayQuery, object>({
  method: 'DELETE',
  path: GATEWAY,
  operationId: 'retireGateway',
  tag: TAG,
  summary: 'Tell that a gateway has stopped for good',
  description: [
    'Nothing is expected of it any more. Repeated, it gives the same answer again; a gateway that reports again is one again. Also for somebody else to say, of a gateway that was lost.',
    WHOSE,
    FOR_READERS,
  ].join('\n\n'),
  access: { who: 'event-readers' },
  query: whose,
  isWrite: true,
  status: 204,
  answer: { description: 'It is not counted any more.' },
  problems: ['FORBIDDEN', 'INSUFFICIENT_SCOPE', 'NOT_FOUND'],
});

export const GET_PROPAGATION = asRoute({
  method: 'GET',
  path: '/v1/revocations/{revocationId}/propagation',
  operationId: 'getPropagation',
  tag: TAG,
  summary: 'On which gateways a revocation is in effect, and since when',
  description: [
    "The gateways that could have accepted the token when it was revoked: those of its organization and the operator's that were reporting then. A gateway is counted in effect once it has reported the position of the revocation, or has stopped for good; the instant is that of its report, so the truth is no later.",
    FOR_READERS,
  ].join('\n\n'),
  access: { who: 'event-readers' },
  status: 200,
  answer: {
    description: 'As far as the gateways have reported.',
    schema: exactly({
      revokedAt: instant,
      gateways: listOf(
        exactly({
          id: gatewayId,
          effectiveAt: orNull({ ...instant, description: 'Null while it is not known to be.' }),
          afterMs: orNull({ ...count, description: 'Milliseconds since the revocation.' }),
        }),
      ),
      effective: { ...count, description: 'On how many it is in effect.' },
      of: { ...count, description: 'Of how many.' },
    }),
  },
  problems: ['FORBIDDEN', 'INSUFFICIENT_SCOPE', 'NOT_FOUND'],
});

export const GATEWAY_ROUTES: readonly RouteContract[] = [
  LIST_GATEWAYS,
  REPORT_POSITION,
  RETIRE_GATEWAY,
  GET_PROPAGATION,
];
