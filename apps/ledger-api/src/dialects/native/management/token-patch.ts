import {
  distinctScopes,
  SOCKET_SCOPES,
  SOCMATE_SCOPES,
  type Dialect,
  type KnownToken,
  type TokenAttributes,
} from '@ledger/domain';
import { parseInstant } from '../instant.js';
import { LIMITS } from '../limits.js';
import { composed } from '../plain-text.js';
import type { Fault } from '../problems/problem.js';
import type { CreateTokenBody, UpdateTokenBody } from './token.dto.js';

/** The scopes of the dialects that have words of their own. */
const CLOSED_SCOPES: Readonly<Record<Dialect, readonly string[] | null>> = {
  native: null,
  socket: SOCKET_SCOPES,
  socmate: SOCMATE_SCOPES,
};

/** The attributes that a validated body asks for. */
export function attributesOf(body: CreateTokenBody): TokenAttributes {
  const { name, description, scopes, resources, maxQuota, visibility, expiresAt, ownerId } = body;
  return {
    name: composed(name),
    description: composed(description),
    ...{ maxQuota, visibility, ownerId },
    scopes: distinctScopes(scopes),
    resources: resources.map(plainResource),
    committer: null,
    metadata: body.metadata ?? {},
    expiresAt: expiresAt === null ? null : parseInstant(expiresAt),
  };
}

/** The changes that a merge patch makes to a token as it is now: null clears, absent keeps. */
export function changesOf(
  body: UpdateTokenBody,
  { metadata: current }: KnownToken,
): Partial<TokenAttributes> {
  const { name, description, scopes, resources, maxQuota, visibility, expiresAt, ownerId } = body;
  return {
    ...(name === undefined ? {} : { name: composed(name) }),
    ...(description === undefined ? {} : { description: composed(description ?? '') }),
    ...(scopes === undefined ? {} : { scopes: distinctScopes(scopes) }),
    ...(resources === undefined ? {} : { resources: resources.map(plainResource) }),
    ...(maxQuota === undefined ? {} : { maxQuota }),
    ...(visibility === undefined ? {} : { visibility }),
    ...(expiresAt === undefined
      ? {}
      : { expiresAt: expiresAt === null ? null : parseInstant(expiresAt) }),
    ...(ownerId === undefined ? {} : { ownerId }),
    ...(body.metadata === undefined ? {} : { metadata: mergedMetadata(current, body.metadata) }),
  };
}

/** Whether what a patch makes depends on what the token is, so that it must not move in between. */
export function isMerge({ metadata }: UpdateTokenBody): boolean {
  return metadata !== undefined && metadata !== null;
}

/** What is wrong with the changes for this very token: its dialect's own rules, and its metadata's size. */
export function changeFaults(
  { dialect }: KnownToken,
  { scopes, maxQuota, metadata }: Partial<TokenAttributes>,
): readonly Fault[] {
  const faults: Fault[] = [];
  if (metadata && Object.keys(metadata).length > LIMITS.metadataPairs) {
    const message = `must leave at most ${LIMITS.metadataPairs} pairs`;
    faults.push({ pointer: '/metadata', message });
  }
  const known = CLOSED_SCOPES[dialect];
  if (known && scopes?.some((scope) => !known.includes(scope))) {
    faults.push({ pointer: '/scopes', message: `must hold scopes of the ${dialect} dialect only` });
  }
  if (dialect === 'socket' && maxQuota === null) {
    faults.push({ pointer: '/maxQuota', message: 'must be a number: a Socket token is limited' });
  }
  return faults;
}

function mergedMetadata(
  current: Readonly<Record<string, string>>,
  patch: Readonly<Record<string, string | null>> | null,
): Readonly<Record<string, string>> {
  if (patch === null) return {};
  const merged = new Map<string, string | null>(Object.entries({ ...current, ...patch }));
  return Object.fromEntries(
    [...merged].filter((pair): pair is [string, string] => pair[1] !== null),
  );
}

function plainResource({
  organization,
  repository,
  workspace,
}: CreateTokenBody['resources'][number]) {
  return { organization, repository, workspace };
}
