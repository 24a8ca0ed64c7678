import { Injectable } from '@nestjs/common';
import { epochMs, type OrgId, type Timestamp } from '@ledger/domain';
import {
  gateways,
  type GatewayReport,
  type GatewayRow,
} from '../projections/gateways.projection.js';
import { revocations, type RevocationRow } from '../projections/revocations.projection.js';
import { Projector } from '../projector/projector.js';
import { ReadModelDatabase } from '../projector/read-model-database.js';

/** Since when a gateway refuses what was revoked; nulls while it may still accept it. */
export interface GatewayEffect {
  readonly gatewayId: string;
  readonly effectiveAt: Timestamp | null;
  /** Since the revocation, in milliseconds. */
  readonly afterMs: number | null;
}

/** Which gateways there are, and on which of them a revocation is in effect. */
@Injectable()
export class Propagation {
  constructor(
    private readonly projector: Projector,
    private readonly database: ReadModelDatabase,
  ) {}

  revocation(revocationId: string): RevocationRow | undefined {
    return this.projector.row<RevocationRow>(revocations.name, revocationId);
  }

  /** Gateways of these organizations and of the operator, or of all. Retired ones included. */
  gateways(orgIds: 'every' | Iterable<OrgId>): readonly GatewayRow[] {
    const every = orgIds === 'every' ? 1 : 0;
    return this.#rows<GatewayRow>(
      `kind = 'gateway'
       AND (? OR org_id IS NULL OR org_id IN (SELECT value FROM json_each(?)))`,
      every,
      JSON.stringify(orgIds === 'every' ? [] : [...orgIds]),
    );
  }

  /**
   * The gateways that could have accepted the token when it was revoked, in the order of their names: those
   * that were reporting then, and those whose first report afterwards showed them behind the revocation.
   * One that retires accepts nothing from then on.
   */
  of({ orgId, position, revokedAt }: RevocationRow): readonly GatewayEffect[] {
    const concerned = this.gateways([orgId]).filter(({ streamId }) =>
      this.#isConcerned(streamId, BigInt(position)),
    );
    return concerned
      .map(({ gatewayId, streamId }) => {
        const effectiveAt = this.#effectiveAt(streamId, BigInt(position));
        const afterMs = effectiveAt && Math.max(0, epochMs(effectiveAt) - epochMs(revokedAt));
        return { gatewayId, effectiveAt, afterMs };
      })
      .sort((a, b) => (a.gatewayId < b.gatewayId ? -1 : 1));
  }

  #isConcerned(streamId: string, position: bigint): boolean {
    const [before] = this.#rows<GatewayReport>(
      'stream_id = ? AND said_at < ? ORDER BY said_at DESC LIMIT 1',
      ...[streamId, position],
    );
    if (before && before.applied !== null) return true;
    const [after] = this.#rows<GatewayReport>(
      'stream_id = ? AND said_at > ? ORDER BY said_at LIMIT 1',
      ...[streamId, position],
    );
    return after !== undefined && after.applied !== null && BigInt(after.applied) < position;
  }

  #effectiveAt(streamId: string, position: bigint): Timestamp | null {
    const [report] = this.#rows<GatewayReport>(
      `stream_id = ? AND said_at > ? AND (applied IS NULL OR applied >= ?)
       ORDER BY said_at LIMIT 1`,
      ...[streamId, position, position],
    );
    return report?.at ?? null;
  }

  #rows<Row>(condition: string, ...parameters: readonly unknown[]): readonly Row[] {
    const table = this.projector.tableOf(gateways.name);
    return this.database
      .query<{ row: string }>(`SELECT row FROM "${table}" WHERE ${condition}`, ...parameters)
      .map(({ row }) => JSON.parse(row) as Row);
  }
}
