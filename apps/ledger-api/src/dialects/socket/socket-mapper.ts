import type { KnownToken, Timestamp } from '@ledger/domain';
import type { AuditEntry, OrganizationRow, TokenRow } from '@ledger/read-models';
import { auditTypeOf } from './socket-audit-types.js';

const NO_COMMITTER = { email: '', provider: 'api', providerLoginName: '', providerUserId: '' };

const dateOf = (instant: Timestamp): string => instant.slice(0, 10);

/** A token as the dialect lists it. Its secret shows at most the last four characters. */
export function listItem(
  { token }: TokenRow,
  lastUsedAt: Timestamp | null,
  tokenValues: 'include' | 'omit',
): object {
  const { current } = token.secrets;
  return {
    committers: [token.committer ?? NO_COMMITTER],
    created_by: token.createdByUserId,
    created_at: dateOf(token.createdAt),
    group_uuid: token.tokenId,
    hash: current.digest,
    id: current.secretId,
    last_used_at: dateOf(lastUsedAt ?? token.createdAt),
    max_quota: token.maxQuota ?? 0,
    name: token.name,
    scopes: token.scopes,
    token: tokenValues === 'include' ? current.preview : null,
    visibility: token.visibility,
  };
}

export function createdAnswer(token: KnownToken, secret: string): object {
  return {
    created_by: token.createdByUserId,
    group_uuid: token.tokenId,
    token: secret,
    hash: token.secrets.current.digest,
  };
}

export function rotatedAnswer(token: KnownToken, secret: string): object {
  return { id: token.secrets.current.secretId, ...createdAnswer(token, secret) };
}

export function organizationAnswer(organization: OrganizationRow): object {
  const { orgId: id, name, image, plan, slug } = organization;
  return { id, name, image, plan, slug };
}

export function auditItem(entry: AuditEntry, organizationName: string): object {
  const { eventId, occurredAt, orgId, ip, userAgent, actor, actorEmail } = entry;
  return {
    event_id: eventId,
    created_at: occurredAt,
    updated_at: occurredAt,
    country_code: null,
    organization_id: orgId,
    ip_address: ip,
    payload: auditPayload(entry),
    status_code: 200,
    type: auditTypeOf(entry.type),
    user_agent: userAgent,
    user_id: actor.kind === 'user' ? actor.id : null,
    user_email: actorEmail ?? '',
    user_image: '',
    organization_name: organizationName,
  };
}

function auditPayload({ token, changes, details, dialect }: AuditEntry): object {
  const changed = changes === null ? {} : { changes: inDialectWords(changes) };
  if (token === null) return { ...details, ...changed, dialect };
  const { tokenId: group_uuid, secretId: id, name, digest: hash } = token;
  return { group_uuid, id, name, hash, ...changed, dialect: token.dialect };
}

function inDialectWords(changes: NonNullable<AuditEntry['changes']>): object {
  return Object.fromEntries(
    Object.entries(changes).map(([field, change]) => {
      return [field === 'maxQuota' ? 'max_quota' : field, change];
    }),
  );
}
