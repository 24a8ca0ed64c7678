import { evolveGateway, type Gateway, type OrgId, type Timestamp } from '@ledger/domain';
import type { Projection } from '../projector/projection.js';

/** A gateway as it stands. */
export interface GatewayRow extends Gateway {
  readonly kind: 'gateway';
  readonly streamId: string;
  /** When it first reported. */
  readonly since: Timestamp;
  readonly revision: number;
}

/** One thing that a gateway said. */
export interface GatewayReport {
  readonly kind: 'report';
  readonly streamId: string;
  readonly orgId: OrgId | null;
  /** Where it was said in the log. */
  readonly saidAt: string;
  /** What it had applied by then; null when it stopped for good. */
  readonly applied: string | null;
  readonly at: Timestamp;
}

/** One row a gateway, and one for each of its reports: since when it was current with any position. */
export const gateways: Projection<GatewayRow | GatewayReport> = {
  name: 'gateways',
  version: 1,
  columns: {
    kind: { type: 'TEXT', of: ({ kind }) => kind },
    org_id: { type: 'TEXT', of: ({ orgId }) => orgId },
    stream_id: { type: 'TEXT', of: ({ streamId }) => streamId },
    said_at: { type: 'INTEGER', of: (row) => (row.kind === 'report' ? Number(row.saidAt) : null) },
    applied: {
      type: 'INTEGER',
      of: (row) => (row.kind === 'report' && row.applied !== null ? Number(row.applied) : null),
    },
  },
  indexes: [
    ['kind', 'org_id'],
    ['stream_id', 'said_at'],
  ],
  apply({ payload: event, streamId, revision, position }, rows) {
    if (event.type !== 'GatewayReported' && event.type !== 'GatewayRetired') return;
    const before = rows.get(streamId);
    const known = before?.kind === 'gateway' ? before : undefined;
    // A row that holds the event already is left alone, so that a redelivery changes nothing.
    if (known && revision <= known.revision) return;
    const { orgId, occurredAt: at } = event;
    const since = known?.since ?? at;
    const kind = 'gateway';
    rows.put(streamId, { kind, streamId, ...evolveGateway(known, event), since, revision });
    const applied = event.type === 'GatewayReported' ? event.position : null;
    const saidAt = String(position);
    rows.put(`${streamId}@${revision}`, { kind: 'report', streamId, orgId, saidAt, applied, at });
  },
};
