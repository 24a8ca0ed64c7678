import type { Authority } from './authority.js';
import { invariant, latest, type OrgId, type Timestamp } from './primitives.js';
import { accept, reject, type Decision, type Rejection } from './rejection.js';

interface GatewayFact {
  /** The name that the gateway gave itself; unique within its organization. */
  readonly gatewayId: string;
  /** Whose tokens it judges; null for a gateway of the operator, which judges those of all. */
  readonly orgId: OrgId | null;
  readonly occurredAt: Timestamp;
}

/** Everything up to `position` of the log, in decimal, has been applied by this gateway. */
export interface GatewayReported extends GatewayFact {
  readonly type: 'GatewayReported';
  readonly position: string;
}

/** It stopped for good, and answers nobody any more. */
export interface GatewayRetired extends GatewayFact {
  readonly type: 'GatewayRetired';
}

/** Facts about one gateway. Live in `gateway-<uuid>`, which is derived from organization and name. */
export type GatewayEvent = GatewayReported | GatewayRetired;

export interface Gateway {
  readonly gatewayId: string;
  readonly orgId: OrgId | null;
  /** The highest position that it ever reported. */
  readonly position: string;
  /** False once it retired, until it reports again. */
  readonly reporting: boolean;
  readonly lastAt: Timestamp;
}

/** Undefined until the first report. */
export type GatewayState = Gateway | undefined;

interface GatewayCommandBase {
  readonly gatewayId: string;
  readonly orgId: OrgId | null;
  readonly now: Timestamp;
}

export interface ReportPosition extends GatewayCommandBase {
  readonly type: 'ReportPosition';
  readonly position: string;
}

export interface RetireGateway extends GatewayCommandBase {
  readonly type: 'RetireGateway';
}

export type GatewayCommand = ReportPosition | RetireGateway;

/**
 * What was applied stays applied: a restarted gateway begins with an empty cache, which holds no answer that
 * an earlier position could put out of date. So a report that is not ahead of the last one says nothing new
 * and is accepted without a fact, whether it came late, twice, or from a node of the ledger that is behind.
 */
export function decideGateway(
  gateway: GatewayState,
  command: GatewayCommand,
  authority: Authority,
): Decision<GatewayEvent> {
  const { gatewayId, orgId, now } = command;
  const refusal = refusalFor(orgId, authority);
  if (refusal) return reject(refusal);
  const occurredAt = latest(now, gateway?.lastAt);
  if (command.type === 'RetireGateway') {
    if (!gateway) return reject({ code: 'GATEWAY_NOT_FOUND' });
    if (!gateway.reporting) return accept();
    return accept({ type: 'GatewayRetired', gatewayId, orgId, occurredAt });
  }
  const isAhead = !gateway || BigInt(command.position) > BigInt(gateway.position);
  if (!isAhead && gateway.reporting) return accept();
  const position = isAhead ? command.position : gateway.position;
  return accept({ type: 'GatewayReported', gatewayId, orgId, position, occurredAt });
}

export function evolveGateway(gateway: GatewayState, event: GatewayEvent): Gateway {
  const lastAt = latest(event.occurredAt, gateway?.lastAt);
  if (event.type === 'GatewayReported') {
    const { gatewayId, orgId, position } = event;
    return { gatewayId, orgId, position, reporting: true, lastAt };
  }
  invariant(gateway !== undefined, 'GatewayRetired follows GatewayReported');
  return { ...gateway, reporting: false, lastAt };
}

/** Gateways of an organization are its tokens' and admins' to speak for; those of the operator, the operator's. */
function refusalFor(orgId: OrgId | null, authority: Authority): Rejection | null {
  switch (authority.kind) {
    case 'dead':
      return { code: 'ACTOR_NOT_LIVE' };
    case 'system':
      return null;
    case 'token':
      if (orgId === null) return { code: 'FORBIDDEN' };
      return authority.orgId === orgId ? null : { code: 'ORGANIZATION_NOT_FOUND' };
    case 'user':
      if (authority.operator || (orgId !== null && authority.role === 'admin')) return null;
      if (orgId !== null && authority.role === null) return { code: 'ORGANIZATION_NOT_FOUND' };
      return { code: 'FORBIDDEN' };
  }
}
